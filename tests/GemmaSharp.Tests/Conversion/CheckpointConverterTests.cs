using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using GemmaSharp.Checkpoints;
using GemmaSharp.Configuration;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Conversion;

/// <summary>What each option does to the tensors, and what is left behind when a conversion ends early.</summary>
public sealed class CheckpointConverterTests : IDisposable
{
    const string Layer = "model.language_model.layers.";

    readonly TempFolder _files = new();
    readonly TinyCheckpoint _source = TinyCheckpoint.Create("tiny-c");

    string Out => _files["out"];

    public void Dispose()
    {
        _source.Dispose();
        _files.Dispose();
    }

    [Fact]
    public void Convert_NothingAsked_WritesTheSameAgainAndItsCompanions()
    {
        ConversionResult result = Convert(new ConversionOptions());
        Assert.Equal(ConvertedTensors.Hashes(_source.Folder), ConvertedTensors.Hashes(Out));
        Assert.Equal(["model.safetensors"], result.Files);
        Assert.Equal(0, result.QuantizedModules);
        foreach (string file in Directory.EnumerateFiles(_source.Folder).Select(Path.GetFileName).Where(name => name is not ("config.json" or "model.safetensors")).OfType<string>())
        {
            Assert.Equal(File.ReadAllBytes(Path.Combine(_source.Folder, file)), File.ReadAllBytes(Path.Combine(Out, file)));
        }

        Assert.Equal([Out], Directory.EnumerateFileSystemEntries(_files.Path));
    }

    [Theory]
    [InlineData("tiny-a")]
    [InlineData("tiny-b")]
    public void Convert_OtherConfigurationsToMlxAndBack_AreTheOriginal(string name)
    {
        using TinyCheckpoint source = TinyCheckpoint.Create(name);
        CheckpointConverter.Convert(source.Folder, Out, new ConversionOptions { Layout = CheckpointLayout.MlxVlm }, cancellationToken: Stop);
        Assert.Contains(ConvertedTensors.Read(Out).Keys, key => key.StartsWith("language_model.model.layers.", StringComparison.Ordinal));
        CheckpointConverter.Convert(Out, _files["back"], new ConversionOptions { Layout = CheckpointLayout.HuggingFace }, cancellationToken: Stop);
        Assert.Equal(ConvertedTensors.Hashes(source.Folder), ConvertedTensors.Hashes(_files["back"]));
        Assert.True(JsonNode.DeepEquals(
            JsonNode.Parse(File.ReadAllBytes(Path.Combine(source.Folder, "config.json"))), JsonNode.Parse(File.ReadAllBytes(Path.Combine(_files["back"], "config.json")))));
    }

    [Fact]
    public void Convert_FolderOfLinksAsInTheHubsCache_CopiesWhatTheyPointTo()
    {
        string links = _files["snapshot"];
        Directory.CreateDirectory(links);
        foreach (string file in Directory.EnumerateFiles(_source.Folder))
        {
            File.CreateSymbolicLink(Path.Combine(links, Path.GetFileName(file)), file);
        }

        CheckpointConverter.Convert(links, Out, new ConversionOptions(), cancellationToken: Stop);
        Assert.Equal(ConvertedTensors.Hashes(_source.Folder), ConvertedTensors.Hashes(Out));
        Assert.All(Directory.EnumerateFiles(Out), file => Assert.Null(File.ResolveLinkTarget(file, returnFinalTarget: false)));
        Assert.Equal(File.ReadAllBytes(Path.Combine(_source.Folder, "tokenizer.json")), File.ReadAllBytes(Path.Combine(Out, "tokenizer.json")));
    }

    [Fact]
    public void Convert_ConfigurationThatNamesAKeyTwice_KeepsTheOneThatCounts()
    {
        string config = Path.Combine(_source.Folder, "config.json");
        File.WriteAllText(config, File.ReadAllText(config).Replace("\"torch_dtype\":", "\"torch_dtype\": \"float64\", \"torch_dtype\":", StringComparison.Ordinal));
        Convert(new ConversionOptions());
        Assert.Equal("bfloat16", JsonNode.Parse(File.ReadAllBytes(Path.Combine(Out, "config.json")))!["torch_dtype"]!.GetValue<string>());
    }

    [Fact]
    public void Convert_SmallShards_NoneIsLargerAndTheIndexNamesThemAll()
    {
        ConversionResult result = Convert(new ConversionOptions { ShardBytes = 1_000_000 });
        Assert.True(result.Files.Count > 3);
        Assert.Equal(ConvertedTensors.Hashes(_source.Folder), ConvertedTensors.Hashes(Out));
        JsonObject map = JsonNode.Parse(File.ReadAllBytes(Path.Combine(Out, "model.safetensors.index.json")))!["weight_map"]!.AsObject();
        foreach (string name in result.Files)
        {
            using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(Out, name));
            Assert.True(file.Entries.Count == 1 || file.Entries.Sum(entry => entry.Length) <= 1_000_000);
            Assert.All(file.Entries, entry => Assert.Equal(name, map[entry.Name]!.GetValue<string>()));
        }
    }

    [Fact]
    public void Convert_TowersDropped_OnlyTextIsLeftAndLoads()
    {
        Convert(new ConversionOptions { Vision = false, Audio = false });
        Assert.All(ConvertedTensors.Read(Out).Keys, name => Assert.StartsWith("model.language_model.", name, StringComparison.Ordinal));
        using Checkpoint checkpoint = Checkpoint.Open(Out);
        LoadReport report = TinyCheckpoint.Report(checkpoint);
        Assert.Equal([FindingKind.TowerMissing, FindingKind.TowerMissing], report.Findings.Select(finding => finding.Kind));
    }

    [Theory]
    [InlineData(ElementType.F16, "float16")]
    [InlineData(ElementType.F32, "float32")]
    public void Convert_OtherType_EveryValueIsTheNearest(ElementType type, string name)
    {
        Convert(new ConversionOptions { Type = type });
        var before = ConvertedTensors.Read(_source.Folder);
        var after = ConvertedTensors.Read(Out);
        Assert.Equal(before.Keys, after.Keys);
        foreach ((string tensor, (_, long[] shape, byte[] bytes)) in before)
        {
            Assert.Equal(type.ToString(), after[tensor].Type);
            Assert.Equal(shape, after[tensor].Shape);
            float[] values = Singles(bytes, ElementType.BF16);
            Assert.Equal(type == ElementType.F16 ? [.. values.Select(v => (float)(Half)v)] : values, Singles(after[tensor].Bytes, type));
        }

        Assert.Equal(name, JsonNode.Parse(File.ReadAllBytes(Path.Combine(Out, "config.json")))!["torch_dtype"]!.GetValue<string>());
    }

    [Fact]
    public void Convert_FirstUpload_KeepsItsFormUnlessRepaired()
    {
        using TinyCheckpoint old = TinyCheckpoint.CreateFirstUpload();
        CheckpointConverter.Convert(old.Folder, Out, new ConversionOptions { Layout = CheckpointLayout.MlxVlm }, cancellationToken: Stop);
        CheckpointConverter.Convert(Out, _files["back"], new ConversionOptions { Layout = CheckpointLayout.HuggingFace }, cancellationToken: Stop);
        Assert.Equal(ConvertedTensors.Hashes(old.Folder), ConvertedTensors.Hashes(_files["back"]));

        // From either layout, repaired kernels are those of the second upload.
        foreach (string source in (string[])[old.Folder, Out])
        {
            string repaired = _files["repaired" + source.Length];
            CheckpointConverter.Convert(source, repaired, new ConversionOptions { Layout = CheckpointLayout.HuggingFace, RepairVision = true }, cancellationToken: Stop);
            var expected = ConvertedTensors.Read(_source.Folder);
            var actual = ConvertedTensors.Read(repaired);
            Assert.Equal(expected.Keys, actual.Keys);
            Assert.All(actual, tensor => Assert.Equal(
                tensor.Key.EndsWith("conv_stem.conv.bias", StringComparison.Ordinal) ? new byte[tensor.Value.Bytes.Length] : expected[tensor.Key].Bytes, tensor.Value.Bytes));
            using Checkpoint checkpoint = Checkpoint.Open(repaired);
            Assert.Empty(TinyCheckpoint.Report(checkpoint).Findings);
        }
    }

    [Fact]
    public void Convert_HeadBesideATiedTable_IsLeftOutWithANote()
    {
        using TinyCheckpoint twice = TinyCheckpoint.Create("tiny-c", tensors =>
            [.. tensors, tensors.Single(t => t.Name == "model.language_model.embed_tokens.weight") with { Name = "lm_head.weight" }]);
        ConversionResult result = CheckpointConverter.Convert(twice.Folder, Out, new ConversionOptions(), cancellationToken: Stop);
        Assert.Equal(ConvertedTensors.Hashes(_source.Folder), ConvertedTensors.Hashes(Out));
        Assert.Contains("embed_tokens", Assert.Single(result.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void Convert_TextOnlyNames_StayAsTheyAreUnlessMlxIsAsked()
    {
        using TinyCheckpoint text = TinyCheckpoint.Create("tiny-c", tensors => tensors
            .Where(t => t.Name.StartsWith("model.language_model.", StringComparison.Ordinal))
            .Select(t => t with { Name = "model." + t.Name["model.language_model.".Length..] }));
        CheckpointConverter.Convert(text.Folder, Out, new ConversionOptions(), cancellationToken: Stop);
        Assert.Equal(ConvertedTensors.Hashes(text.Folder), ConvertedTensors.Hashes(Out));
        CheckpointConverter.Convert(text.Folder, _files["mlx"], new ConversionOptions { Layout = CheckpointLayout.MlxVlm }, cancellationToken: Stop);
        Assert.All(ConvertedTensors.Read(_files["mlx"]).Keys, name => Assert.StartsWith("language_model.model.", name, StringComparison.Ordinal));
    }

    [Fact]
    public void Convert_TensorOfNoPart_IsCopiedUnderItsName()
    {
        using TinyCheckpoint more = TinyCheckpoint.Create("tiny-c", tensors => [.. tensors, TinyCheckpoint.Rule("extra.thing", [3, 5], 1)]);
        CheckpointConverter.Convert(more.Folder, Out, new ConversionOptions { Layout = CheckpointLayout.MlxVlm }, cancellationToken: Stop);
        Assert.Equal(ConvertedTensors.Hashes(more.Folder)["extra.thing"], ConvertedTensors.Hashes(Out)["extra.thing"]);
    }

    [Theory]
    [InlineData("language_model.layers.1.mlp")]
    [InlineData("model.language_model.layers.1.mlp")]
    [InlineData("language_model.model.layers.1.mlp")]
    [InlineData("*.layers.1.mlp.*")]
    public void Convert_KeptModules_StayDenseInAnyNamingScheme(string pattern)
    {
        Convert(new ConversionOptions { Quantize = new QuantizationRecipe { Keep = [pattern] } });
        string[] names = [.. ConvertedTensors.Read(Out).Keys];
        Assert.DoesNotContain(names, name => name.Contains(".layers.1.mlp.", StringComparison.Ordinal) && name.EndsWith(".scales", StringComparison.Ordinal));
        Assert.Contains("language_model.model.layers.2.mlp.down_proj.scales", names);
        JsonObject quantization = JsonNode.Parse(File.ReadAllBytes(Path.Combine(Out, "config.json")))!["quantization"]!.AsObject();
        Assert.Equal(3, quantization.Count(setting => setting.Value?.GetValueKind() == System.Text.Json.JsonValueKind.False));
    }

    [Fact]
    public void Convert_QuantisedAgain_WorksFromTheDequantisedWeights()
    {
        Convert(new ConversionOptions { Quantize = Affine(8, 32) });
        CheckpointConverter.Convert(Out, _files["again"], new ConversionOptions { Quantize = Affine(4, 64) }, cancellationToken: Stop);
        CheckpointConverter.Convert(Out, _files["dense"], new ConversionOptions { Dequantize = true }, cancellationToken: Stop);
        CheckpointConverter.Convert(_files["dense"], _files["straight"], new ConversionOptions { Quantize = Affine(4, 64) }, cancellationToken: Stop);
        Assert.Equal(ConvertedTensors.Hashes(_files["straight"]), ConvertedTensors.Hashes(_files["again"]));
    }

    [Fact]
    public void Convert_GroupsThatDoNotFit_LeaveTheModuleDenseWithANote()
    {
        // tiny-c has a feed-forward width of 320, which groups of 128 do not divide.
        ConversionResult result = Convert(new ConversionOptions { Quantize = Affine(4, 128) });
        Assert.Contains("language_model.layers.2.mlp.down_proj has 320 columns", Assert.Single(result.Notes), StringComparison.Ordinal);
        Assert.Equal([128L, 320], ConvertedTensors.Read(Out)["language_model.model.layers.2.mlp.down_proj.weight"].Shape);
    }

    [Fact]
    public void Convert_Slice_IsTheReferencesRule()
    {
        MatFormerSlice slice = MatFormerSlice.Parse("256,256,192,128;skip=0,1");
        Convert(new ConversionOptions { Slice = slice });
        int[] kept = [2, 3, 4, 5], widths = [256, 256, 192, 128];
        const int Width = 64;
        var before = ConvertedTensors.Read(_source.Folder);
        var expected = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        foreach ((string name, (_, long[] shape, byte[] bytes)) in before)
        {
            string target = name;
            byte[] values = bytes;
            if (name.StartsWith(Layer, StringComparison.Ordinal))
            {
                string[] parts = name[Layer.Length..].Split('.', 2);
                int index = Array.IndexOf(kept, int.Parse(parts[0], System.Globalization.CultureInfo.InvariantCulture));
                if (index < 0)
                {
                    continue;
                }

                target = $"{Layer}{index}.{parts[1]}";
                values = parts[1] is "mlp.gate_proj.weight" or "mlp.up_proj.weight" ? Pick(bytes, shape, [.. Enumerable.Range(0, widths[index])], null)
                    : parts[1] is "mlp.down_proj.weight" ? Pick(bytes, shape, null, [.. Enumerable.Range(0, widths[index])])
                    : bytes;
            }
            else if (name == "model.language_model.per_layer_model_projection.weight")
            {
                values = Pick(bytes, shape, [.. kept.SelectMany(l => Enumerable.Range(l * Width, Width))], null);
            }
            else if (name == "model.language_model.embed_tokens_per_layer.weight")
            {
                values = Pick(bytes, shape, null, [.. kept.SelectMany(l => Enumerable.Range(l * Width, Width))]);
            }

            expected.Add(target, values);
        }

        var after = ConvertedTensors.Read(Out);
        Assert.Equal(expected.Keys, after.Keys);
        Assert.All(after, tensor => Assert.Equal(expected[tensor.Key], tensor.Value.Bytes));

        TextConfig text = Gemma3nConfig.Load(Out).TextConfig;
        Assert.Equal(4, text.NumHiddenLayers);
        Assert.Equal(2, text.NumKvSharedLayers);
        Assert.Equal(widths, text.IntermediateSize);
        Assert.Equal([0f, 0f, 0f, 0f], text.ActivationSparsityPattern.Select(share => (float)share));
        Assert.Equal([LayerType.FullAttention, LayerType.SlidingAttention, LayerType.SlidingAttention, LayerType.FullAttention], text.LayerTypes);
        using Checkpoint checkpoint = Checkpoint.Open(Out);
        Assert.Empty(TinyCheckpoint.Report(checkpoint).Findings);
    }

    [Theory]
    [InlineData("lm-affine-3-64", "256,192,320,64,128,384")]
    [InlineData("lm-affine-2-32", "32*6")]
    [InlineData("lm-mxfp4-4-32", "256,224,64,128;skip=0,4")]
    [InlineData("lm-nvfp4-4-16", "16*4,48;skip=1")]
    [InlineData("mlx-4bit", "64*6")]
    public void Convert_SliceOfQuantised_IsTheQuantisedSlice(string name, string widths)
    {
        ConversionOptions options = MlxCheckpoints.Options(name);
        MatFormerSlice slice = MatFormerSlice.Parse(widths);
        Convert(options);
        CheckpointConverter.Convert(Out, _files["sliced"], new ConversionOptions { Slice = slice }, cancellationToken: Stop);
        CheckpointConverter.Convert(_source.Folder, _files["dense"], new ConversionOptions { Slice = slice, Layout = options.Layout }, cancellationToken: Stop);
        CheckpointConverter.Convert(_files["dense"], _files["expected"], options, cancellationToken: Stop);
        Assert.Equal(ConvertedTensors.Hashes(_files["expected"]), ConvertedTensors.Hashes(_files["sliced"]));
        Assert.Equal(File.ReadAllText(Path.Combine(_files["expected"], "config.json")), File.ReadAllText(Path.Combine(_files["sliced"], "config.json")));
    }

    [Fact]
    public void Convert_SliceOfAMixedRecipe_CarriesEveryModulesFormatAlong()
    {
        Convert(MlxCheckpoints.Options("mlx-mixed"));
        CheckpointConverter.Convert(Out, _files["sliced"], new ConversionOptions { Slice = MatFormerSlice.Parse("192,256,128,64;skip=0,4") }, cancellationToken: Stop);
        using Checkpoint checkpoint = Checkpoint.Open(_files["sliced"]);

        // A contradiction between tensors and configuration would be a warning.
        Assert.Empty(TinyCheckpoint.Report(checkpoint).Findings);
        var whole = ConvertedTensors.Read(Out);
        var sliced = ConvertedTensors.Read(_files["sliced"]);
        foreach ((int before, int after) in (ReadOnlySpan<(int, int)>)[(1, 0), (2, 1), (3, 2), (5, 3)])
        {
            foreach (string module in (string[])["self_attn.o_proj.weight", "self_attn.q_proj.weight", "self_attn.q_proj.scales", "altup.correction_coefs.weight"])
            {
                Assert.Equal(whole[$"language_model.model.layers.{before}.{module}"].Bytes, sliced[$"language_model.model.layers.{after}.{module}"].Bytes);
            }
        }
    }

    [Fact]
    public void Convert_SliceThroughAGroup_SaysWhichAndWhatFits()
    {
        Convert(new ConversionOptions { Quantize = Affine(4, 64) });
        var error = Assert.Throws<ConversionException>(() => CheckpointConverter.Convert(
            Out, _files["sliced"], new ConversionOptions { Slice = MatFormerSlice.Parse("96*6") }, cancellationToken: Stop));
        Assert.Contains("layers.0.mlp.down_proj", error.Message, StringComparison.Ordinal);
        Assert.Contains("multiples of 64", error.Message, StringComparison.Ordinal);
        Assert.Equal([Out], Directory.EnumerateFileSystemEntries(_files.Path));
    }

    [Theory]
    [InlineData("96;skip=2")]
    [InlineData("96*5;skip=3")]
    [InlineData("96*5;skip=2")]
    [InlineData("400*6")]
    [InlineData("96*6;skip=9")]
    public void Convert_SliceTheModelHasNot_IsRefused(string text)
    {
        Assert.Throws<SliceException>(() => Convert(new ConversionOptions { Slice = MatFormerSlice.Parse(text) }));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_files.Path));
    }

    [Fact]
    public void Convert_DestinationInUse_IsRefusedAndLeftAlone()
    {
        Directory.CreateDirectory(Out);
        File.WriteAllText(Path.Combine(Out, "mine.txt"), "mine");
        var error = Assert.Throws<ConversionException>(() => Convert(new ConversionOptions()));
        Assert.Contains("--force", error.Message, StringComparison.Ordinal);
        Assert.Equal("mine", File.ReadAllText(Path.Combine(Out, "mine.txt")));
        Assert.Throws<ConversionException>(() => CheckpointConverter.Convert(_source.Folder, Path.Combine(Out, "mine.txt"), new ConversionOptions { Force = true }, cancellationToken: Stop));
        Assert.Throws<ConversionException>(() => CheckpointConverter.Convert(_source.Folder, _source.Folder, new ConversionOptions { Force = true }, cancellationToken: Stop));
        Assert.Throws<ConversionException>(() => CheckpointConverter.Convert(_source.Folder, Path.GetDirectoryName(_source.Folder)!, new ConversionOptions { Force = true }, cancellationToken: Stop));
        Assert.Equal([Out], Directory.EnumerateFileSystemEntries(_files.Path));

        error = Assert.Throws<ConversionException>(() => Convert(new ConversionOptions { Force = true }));
        Assert.Contains("holds mine.txt and no checkpoint", error.Message, StringComparison.Ordinal);
        Assert.Equal("mine", File.ReadAllText(Path.Combine(Out, "mine.txt")));
        File.WriteAllText(Path.Combine(Out, "config.json"), "{}");
        Convert(new ConversionOptions { Force = true });
        Assert.False(File.Exists(Path.Combine(Out, "mine.txt")));
        Assert.Equal([Out], Directory.EnumerateFileSystemEntries(_files.Path));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(500)]
    [InlineData(900)]
    public void Convert_Cancelled_LeavesNothingBehind(int reports)
    {
        using var source = new CancellationTokenSource();
        var progress = new Reports(_ => reports-- == 0, source.Cancel);
        Assert.ThrowsAny<OperationCanceledException>(() => CheckpointConverter.Convert(_source.Folder, Out, new ConversionOptions(), progress, source.Token));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_files.Path));
    }

    [Fact]
    public void Convert_ProgressThatFails_LeavesNothingBehind()
    {
        var progress = new Reports(at => at.Verifying, () => throw new IOException("No space left on device"));
        Assert.Throws<IOException>(() => CheckpointConverter.Convert(_source.Folder, Out, new ConversionOptions(), progress, Stop));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_files.Path));
    }

    [Fact]
    public void Convert_Progress_RisesToTheEnd()
    {
        var seen = new List<ConversionProgress>();
        ConversionResult result = CheckpointConverter.Convert(_source.Folder, Out, new ConversionOptions { Quantize = Affine(4, 64) }, new Reports(at => { seen.Add(at); return false; }, () => { }), Stop);
        Assert.All(seen.Zip(seen.Skip(1)), pair => Assert.True(pair.First.DoneBytes <= pair.Second.DoneBytes && !(pair.First.Verifying && !pair.Second.Verifying)));
        Assert.Equal(2 * result.Bytes, seen[^1].DoneBytes);
        Assert.All(seen, at => Assert.Equal(2 * result.Bytes, at.TotalBytes));
    }

    [Fact]
    public void Convert_FolderOfAKilledConversion_IsRemoved_AndOneStillRunningIsNot()
    {
        string partial = Out + ".partial";
        Directory.CreateDirectory(partial);
        File.WriteAllText(Path.Combine(partial, "half"), "half");
        using (new FileStream(partial + ".lock", FileMode.Create, FileAccess.ReadWrite, FileShare.None))
        {
            var error = Assert.Throws<ConversionException>(() => Convert(new ConversionOptions()));
            Assert.Contains("Another conversion", error.Message, StringComparison.Ordinal);
            Assert.True(File.Exists(Path.Combine(partial, "half")));
        }

        Convert(new ConversionOptions());
        Assert.Equal([Out], Directory.EnumerateFileSystemEntries(_files.Path));
        Assert.False(File.Exists(Path.Combine(Out, "half")));
    }

    [Fact]
    public void Convert_FolderOfTheUsersWhereOursWouldBe_IsLeftAlone()
    {
        string partial = Out + ".partial";
        Directory.CreateDirectory(partial);
        File.WriteAllText(Path.Combine(partial, "thesis.txt"), "precious");
        var error = Assert.Throws<ConversionException>(() => Convert(new ConversionOptions()));
        Assert.Contains(partial, error.Message, StringComparison.Ordinal);
        Assert.Equal("precious", File.ReadAllText(Path.Combine(partial, "thesis.txt")));
        Assert.Equal([partial], Directory.EnumerateFileSystemEntries(_files.Path));
    }

    [Fact]
    public void Convert_SourceThatDoesNotFit_IsRefusedWithItsReport()
    {
        using TinyCheckpoint broken = TinyCheckpoint.Create("tiny-c", tensors => tensors.Where(t => !t.Name.EndsWith("layers.1.mlp.up_proj.weight", StringComparison.Ordinal)));
        var error = Assert.Throws<CheckpointException>(() => CheckpointConverter.Convert(broken.Folder, Out, new ConversionOptions(), cancellationToken: Stop));
        Assert.Contains(error.Report!.Findings, finding => finding.Kind == FindingKind.Missing);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_files.Path));
    }

    [Fact]
    public void Convert_OptionsThatContradict_AreRefused()
    {
        Assert.Throws<ConversionException>(() => Convert(new ConversionOptions { Dequantize = true, Quantize = Affine(4, 64) }));
        Assert.Throws<ConversionException>(() => Convert(new ConversionOptions { Type = ElementType.I32 }));
        Assert.Throws<ConversionException>(() => Convert(new ConversionOptions { ShardBytes = 0 }));
        Assert.Throws<ConversionException>(() => Convert(new ConversionOptions { Threads = 0 }));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_files.Path));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Convert_AnyThreads_GivesTheSameBytes(int threads)
    {
        Convert(new ConversionOptions { Quantize = Affine(5, 32), Threads = 2 });
        CheckpointConverter.Convert(_source.Folder, _files["other"], new ConversionOptions { Quantize = Affine(5, 32), Threads = threads }, cancellationToken: Stop);
        Assert.Equal(ConvertedTensors.Hashes(Out), ConvertedTensors.Hashes(_files["other"]));
    }

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    static QuantizationRecipe Affine(int bits, int group) => new() { Format = QuantizationFormat.Create(QuantizationMode.Affine, bits, group) };

    ConversionResult Convert(ConversionOptions options) => CheckpointConverter.Convert(_source.Folder, Out, options, cancellationToken: Stop);

    static float[] Singles(byte[] bytes, ElementType type)
    {
        float[] values = new float[bytes.Length / type.SizeInBytes()];
        StoredFloats.Read(bytes, type, values);
        return values;
    }

    /// <summary>Rows and columns of a BF16 matrix, each in a list or all.</summary>
    static byte[] Pick(byte[] bytes, long[] shape, int[]? rows, int[]? columns)
    {
        ReadOnlySpan<ushort> values = MemoryMarshal.Cast<byte, ushort>(bytes);
        var picked = new List<ushort>();
        foreach (int row in rows ?? [.. Enumerable.Range(0, (int)shape[0])])
        {
            foreach (int column in columns ?? [.. Enumerable.Range(0, (int)shape[1])])
            {
                picked.Add(values[(row * (int)shape[1]) + column]);
            }
        }

        return MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(picked)).ToArray();
    }

    sealed class Reports(Func<ConversionProgress, bool> when, Action then) : IProgress<ConversionProgress>
    {
        public void Report(ConversionProgress value)
        {
            if (when(value))
            {
                then();
            }
        }
    }
}
