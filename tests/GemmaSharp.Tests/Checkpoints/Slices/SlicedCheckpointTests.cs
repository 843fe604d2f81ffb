using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using GemmaSharp.Checkpoints;
using GemmaSharp.Configuration;
using GemmaSharp.Model;
using GemmaSharp.Model.Text;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Matrices;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Tests.Model.Text;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Checkpoints.Slices;

/// <summary>A slice read in place against the checkpoint that results from cutting the files.</summary>
public sealed class SlicedCheckpointTests : IDisposable
{
    readonly TempFolder _files = new();

    public void Dispose() => _files.Dispose();

    [Theory]
    [InlineData("tiny-c", "200,256,301,256,1,100")]
    [InlineData("tiny-c", "320,256,256,384;skip=0,1")]
    [InlineData("tiny-c", "17*4;skip=0,4")]
    [InlineData("tiny-c", "256,256,320,256;skip=4,5")]
    [InlineData("tiny-a", "80*5,128*5")]
    [InlineData("tiny-a", "96*6;skip=1,6-8")]
    [InlineData("tiny-a", "160,224,31,256,160;skip=1,5-8")]
    public void Open_Slice_HasTheBitsOfTheSlicedFiles(string name, string text)
    {
        MatFormerSlice slice = MatFormerSlice.Parse(text);
        using TinyCheckpoint whole = TinyCheckpoint.Create(name), sliced = TinyCheckpoint.CreateEmpty(name);
        TextConfig config = Gemma3nConfig.Load(whole.Folder).TextConfig;
        int[] widths = [.. slice.Widths], skip = [.. slice.Skip];
        File.Delete(Path.Combine(sliced.Folder, "model.safetensors.index.json"));
        TinyCheckpoint.Write(sliced.Folder, SlicedFolder.Tensors(TinyCheckpoint.Tensors(name), config, skip, widths));
        WriteConfig(sliced.Folder, skip, widths, config.FirstKvSharedLayer);
        Same(sliced.Folder, whole.Folder, slice, name);
    }

    [Theory]
    [InlineData("mlx-bf16", "200,301,256,1;skip=0,4")]
    [InlineData("mlx-4bit", "64,128,256,192;skip=0,4")]
    [InlineData("mlx-mixed", "192,256,128,64;skip=0,4")]
    [InlineData("lm-affine-2-32", "32,96,320,256,160;skip=4")]
    [InlineData("lm-affine-3-64", "256,192,320,64,128,384")]
    [InlineData("lm-affine-5-32", "96*5;skip=1")]
    [InlineData("lm-affine-6-64", "192*4;skip=1,5")]
    [InlineData("lm-affine-8-32", "32*6")]
    [InlineData("lm-mxfp4-4-32", "256,224,64,128;skip=0,4")]
    [InlineData("lm-nvfp4-4-16", "16*4,48;skip=1")]
    [InlineData("lm-mxfp8-8-32", "32*4;skip=1,4")]
    public void Open_SliceOfAnMlxFile_HasTheBitsOfTheConvertedSlice(string name, string text)
    {
        MlxCheckpoints.Convert(name, _files["whole"]);
        MatFormerSlice slice = MatFormerSlice.Parse(text);
        CheckpointConverter.Convert(_files["whole"], _files["sliced"], new ConversionOptions { Slice = slice }, cancellationToken: TestContext.Current.CancellationToken);
        Same(_files["sliced"], _files["whole"], slice, "tiny-c");
        Same(_files["sliced"], _files["whole"], slice, "tiny-c", ProductMode.Fast);
    }

    [Theory]
    [InlineData("tiny-a", "160,192,224,160,256,192,160,224,192,160")]
    [InlineData("tiny-c", "256,256,320,256,256,384")]
    public void Open_AllOfTheModel_IsNoSlice(string name, string text)
    {
        using TinyCheckpoint files = TinyCheckpoint.Create(name);
        Same(files.Folder, files.Folder, MatFormerSlice.Parse(text), name);
    }

    [Fact]
    public void Open_Slice_EqualsTheWholeModelWithItsOtherUnitsSilenced()
    {
        // Where nothing is cut by its statistics, a unit whose column of down_proj is zero might as well not be there.
        int[] widths = [100, 17, 320, 64, 256, 9];
        using TinyCheckpoint silenced = TinyCheckpoint.Create("tiny-c", tensors => tensors.Select(tensor => Silence(tensor, widths))), whole = TinyCheckpoint.Create("tiny-c");
        Edit(silenced.Folder, text => text["activation_sparsity_pattern"] = new JsonArray(0, 0, 0, 0, 0, 0));
        Edit(whole.Folder, text => text["activation_sparsity_pattern"] = new JsonArray(0, 0, 0, 0, 0, 0));
        using Run expected = new(silenced.Folder, null, "tiny-c"), actual = new(whole.Folder, MatFormerSlice.Parse(string.Join(',', widths)), "tiny-c");
        Assert.Equal(expected.Logits.Length, actual.Logits.Length);
        float largest = expected.Logits.Max(MathF.Abs);
        Assert.All(expected.Logits.Zip(actual.Logits), pair => Assert.Equal(pair.First, pair.Second, 1e-6f * largest));
    }

    [Fact]
    public void Open_Slice_SaysSoAndCountsOnlyWhatItUses()
    {
        using TinyCheckpoint files = TinyCheckpoint.Create("tiny-c");
        using Checkpoint checkpoint = Checkpoint.Open(files.Folder, new CheckpointOptions { Slice = MatFormerSlice.Parse("64*4;skip=0,1"), HeadersOnly = true });
        LoadReport report = TinyCheckpoint.Report(checkpoint);
        Finding note = Assert.Single(report.Findings);
        Assert.Equal((FindingKind.Sliced, Severity.Note), (note.Kind, note.Severity));
        Assert.Equal("The model is the slice \"64*4;skip=0,1\": 4 of 6 layers and 256 of 1,728 feed-forward units; the rest of the file is not used.", note.Problem);
        ModuleNode text = Assert.Single(checkpoint.Modules().Children, module => module.Name == "language_model");
        ModuleNode layer = text.Children.Single(module => module.Name == "layers").Children[0];
        ModuleParameter down = Assert.Single(layer.Children.Single(module => module.Name == "mlp").Children.Single(module => module.Name == "down_proj").Parameters);
        Assert.Equal(("language_model.layers.0.mlp.down_proj.weight", "model.language_model.layers.2.mlp.down_proj.weight"), (down.Name, down.StoredName));
        Assert.Equal([128L, 64], down.Shape);
        Assert.Equal(128 * 64 * 2, down.Bytes);
        EffectiveValue layers = Assert.Single(checkpoint.Config.Values, value => value.Name == "text_config.num_hidden_layers");
        Assert.Equal("4", layers.Value);
        Assert.Equal("slice \"64*4;skip=0,1\" of config.json $.text_config.num_hidden_layers", layers.Origin);
        Assert.Equal("[64 × 4]", checkpoint.Config.Values.Single(value => value.Name == "text_config.intermediate_size").Value);
        Assert.Equal("128", checkpoint.Config.Values.Single(value => value.Name == "text_config.hidden_size").Value);
    }

    [Theory]
    [InlineData("lm-affine-3-64", "100,256,320,256,256,384", "layers.0.mlp.down_proj", "takes columns 0 to 100 of it, which cuts through a group of affine3/64", "Use a width of 64 or 128 in this layer")]
    [InlineData("lm-affine-3-64", "256,320,256,256,370;skip=0", "layers.5.mlp.down_proj", "takes columns 0 to 370", "Use a width of 320 or 384 in this layer")]
    [InlineData("lm-affine-2-32", "16*6", "layers.0.mlp.down_proj", "takes columns 0 to 16", "Use a width of 32 in this layer")]
    [InlineData("lm-affine-4-128", "128,128,256,128,128;skip=1", "embed_tokens_per_layer", "takes columns 0 to 64 of it, which cuts through a group of affine4/128", "Use an unquantised checkpoint, or one with smaller groups.")]
    public void Open_SliceThroughAGroup_IsAFindingThatTellsWhatFits(string name, string text, string module, string problem, string repair)
    {
        MlxCheckpoints.Convert(name, _files["whole"]);
        foreach (bool headersOnly in new[] { false, true })
        {
            using Checkpoint checkpoint = Checkpoint.Open(_files["whole"], new CheckpointOptions { Slice = MatFormerSlice.Parse(text), HeadersOnly = headersOnly });
            LoadReport report = TinyCheckpoint.Report(checkpoint);
            Finding finding = report.Findings.First(f => f.Severity == Severity.Error && f.StoredName!.Contains(module, StringComparison.Ordinal));
            Assert.Equal(FindingKind.CutGroup, finding.Kind);
            Assert.Contains(problem, finding.Problem, StringComparison.Ordinal);
            Assert.StartsWith(repair, finding.Repair, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Open_SliceOfDamagedFiles_FindsWhatIsWrongInTheFiles()
    {
        const string Gate = "model.language_model.layers.3.mlp.gate_proj.weight", Missing = "model.language_model.layers.5.mlp.up_proj.weight", LeftOut = "model.language_model.layers.0.mlp.up_proj.weight";
        using TinyCheckpoint files = TinyCheckpoint.Create("tiny-c", tensors => tensors
            .Where(tensor => tensor.Name is not (Missing or LeftOut))
            .Select(tensor => tensor.Name == Gate ? TinyCheckpoint.Rule(Gate, [255, 128], 3) : tensor));
        using Checkpoint checkpoint = Checkpoint.Open(files.Folder, new CheckpointOptions { Slice = MatFormerSlice.Parse("64*5;skip=0") });
        Finding[] errors = [.. TinyCheckpoint.Report(checkpoint).Findings.Where(finding => finding.Severity == Severity.Error)];
        Assert.Equal([FindingKind.WrongShape, FindingKind.Missing], errors.Select(finding => finding.Kind));
        Assert.Equal("language_model.layers.2.mlp.gate_proj.weight", errors[0].Tensor);
        Assert.Contains("needs [256, 128]", errors[0].Problem, StringComparison.Ordinal);
        Assert.Contains("text_config.intermediate_size[3] to 255", errors[0].Repair, StringComparison.Ordinal);
        Assert.Contains("language_model.layers.4.mlp.up_proj.weight", errors[1].Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_SliceTheModelHasNot_IsRefused()
    {
        using TinyCheckpoint files = TinyCheckpoint.Create("tiny-c");
        SliceException error = Assert.Throws<SliceException>(() => GemmaModel.Load(files.Folder, new GemmaModelOptions { Slice = MatFormerSlice.Parse("e2b") }));
        Assert.Contains("this model has 6 layers of widths 256 to 384", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Same logits bit for bit, in a prompt and token by token; same modules with the same bytes; nothing found.</summary>
    static void Same(string sliced, string whole, MatFormerSlice slice, string ids, ProductMode products = ProductMode.Exact)
    {
        using Run expected = new(sliced, null, ids, products), actual = new(whole, slice, ids, products);
        Assert.DoesNotContain(actual.Report.Findings, finding => finding.Severity != Severity.Note);
        TextConfig a = expected.Checkpoint.Config.TextConfig, b = actual.Checkpoint.Config.TextConfig;
        Assert.Equal(a.IntermediateSize, b.IntermediateSize);
        Assert.Equal(a.LayerTypes, b.LayerTypes);
        Assert.Equal(a.ActivationSparsityPattern, b.ActivationSparsityPattern);
        Assert.Equal((a.NumHiddenLayers, a.NumKvSharedLayers), (b.NumHiddenLayers, b.NumKvSharedLayers));
        Assert.Equal(Modules(expected.Checkpoint.Modules()), Modules(actual.Checkpoint.Modules()));
        Assert.True(expected.Logits.Any(value => value != 0) && MemoryMarshal.AsBytes(expected.Logits.AsSpan()).SequenceEqual(MemoryMarshal.AsBytes(actual.Logits.AsSpan())));
    }

    static IEnumerable<string> Modules(ModuleNode module) =>
        module.Parameters.Select(parameter => $"{parameter.Name} [{string.Join(", ", parameter.Shape)}] {parameter.Format} {parameter.Bytes}").Concat(module.Children.SelectMany(Modules));

    static void WriteConfig(string folder, int[] skip, int[] widths, int firstShared) => Edit(folder, text =>
    {
        foreach (string list in (string[])["layer_types", "activation_sparsity_pattern"])
        {
            text[list] = new JsonArray([.. text[list]!.AsArray().Where((_, layer) => !skip.Contains(layer)).Select(entry => entry!.DeepClone())]);
        }

        text["num_hidden_layers"] = widths.Length;
        text["num_kv_shared_layers"] = text["num_kv_shared_layers"]!.GetValue<int>() - skip.Count(layer => layer >= firstShared);
        text["intermediate_size"] = new JsonArray([.. widths.Select(width => JsonValue.Create(width))]);
    });

    static void Edit(string folder, Action<JsonObject> change)
    {
        string path = Path.Combine(folder, "config.json");
        JsonObject root = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        change(root["text_config"]!.AsObject());
        File.WriteAllText(path, root.ToJsonString());
    }

    static TinyTensor Silence(TinyTensor tensor, int[] widths)
    {
        if (!tensor.Name.EndsWith("mlp.down_proj.weight", StringComparison.Ordinal))
        {
            return tensor;
        }

        int layer = tensor.Name["model.language_model.layers.".Length] - '0', columns = (int)tensor.Shape[1];
        for (int row = 0; row < tensor.Shape[0]; row++)
        {
            tensor.Bytes.AsSpan((row * columns + widths[layer]) * 2, (columns - widths[layer]) * 2).Clear();
        }

        return tensor;
    }

    /// <summary>The logits of a recorded prompt in one step, and of three further tokens one by one.</summary>
    sealed class Run : IDisposable
    {
        public Run(string folder, MatFormerSlice? slice, string name, ProductMode products = ProductMode.Exact)
        {
            Checkpoint = Checkpoint.Open(folder, new CheckpointOptions { Slice = slice, Products = products });
            TextModel model = ModelParts.Build(Checkpoint.Root, Checkpoint.Config).Text;
            Report = Checkpoint.Report();
            using var team = new WorkerTeam(2);
            using TextPass pass = model.NewPass(team);
            int[] ids = [.. TextFixture.Ids(name, "text-long").Select(id => Math.Min(id, 2047))];
            using KvCache cache = model.NewCache(ids.Length);
            List<float> logits = [];
            var step = new TextStep();
            step.Add(cache, ids, ids.Length);
            model.Forward(step, pass);
            logits.AddRange(pass.Logits.Span);
            foreach (int id in (int[])[5, 99, 1000])
            {
                step.Clear();
                step.Add(cache, [id], 1);
                model.Forward(step, pass);
                logits.AddRange(pass.Logits.Span);
            }

            Logits = [.. logits];
        }

        public Checkpoint Checkpoint { get; }

        public LoadReport Report { get; }

        public float[] Logits { get; }

        public void Dispose() => Checkpoint.Dispose();
    }
}
