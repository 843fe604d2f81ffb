using System.Text.Json;
using GemmaSharp.Checkpoints;
using GemmaSharp.Model;
using GemmaSharp.Model.Text;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Conversion;

/// <summary>Adapters merged while a checkpoint is converted.</summary>
public sealed class MergeAdapterTests : IDisposable
{
    readonly TempFolder _files = new();
    readonly TinyCheckpoint _source = TinyCheckpoint.Create("tiny-c");

    public void Dispose()
    {
        _source.Dispose();
        _files.Dispose();
    }

    [Theory]
    [InlineData("peft", CheckpointLayout.HuggingFace)]
    [InlineData("rslora", CheckpointLayout.MlxVlm)]
    public void Convert_Merged_IsTheReferenceWithTheAdapterApplied(string name, CheckpointLayout layout)
    {
        ConversionResult result = Convert("out", new ConversionOptions { MergeAdapters = [Adapter(name)], Type = ElementType.F32, Layout = layout });
        Assert.Empty(result.Notes);
        using Checkpoint checkpoint = Checkpoint.Open(_files["out"]);
        TextModel model = ModelParts.Build(checkpoint.Root, checkpoint.Config).Text;
        Golden expected = Golden.Load($"lora/{name}/goldens/text-long.safetensors");
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(GoldenFiles.Find($"lora/{name}/goldens/text-long.json")));
        int[] ids = Integers(json, "token_ids");
        using var team = new WorkerTeam(2);
        using TextPass pass = model.NewPass(team);
        using KvCache cache = model.NewCache(ids.Length);
        var step = new TextStep();
        step.Add(cache, ids, ids.Length);
        var trace = new RecordingTrace(expected.Contains);
        model.Forward(step, pass, trace);
        Assert.True(trace.Names.Count > 20);
        Assert.InRange(expected.AssertClose(trace), 1e-9, 1e-4);
    }

    [Fact]
    public void Convert_WeightsOfSeveralAdapters_AddUp()
    {
        Convert("once", new ConversionOptions { MergeAdapters = [Adapter("peft") with { Weight = 0.5f }, Adapter("rslora") with { Weight = -2 }], Type = ElementType.F32 });
        Convert("first", new ConversionOptions { MergeAdapters = [Adapter("peft") with { Weight = 0.5f }], Type = ElementType.F32 });
        CheckpointConverter.Convert(_files["first"], _files["both"], new ConversionOptions { MergeAdapters = [Adapter("rslora") with { Weight = -2 }] }, cancellationToken: Stop);
        Assert.Equal(ConvertedTensors.Hashes(_files["both"]), ConvertedTensors.Hashes(_files["once"]));
        Convert("none", new ConversionOptions { MergeAdapters = [Adapter("peft") with { Weight = 0 }] });
        Assert.Equal(ConvertedTensors.Hashes(_source.Folder), ConvertedTensors.Hashes(_files["none"]));
    }

    [Fact]
    public void Convert_MergedAndQuantised_IsTheMergedCheckpointQuantised()
    {
        var quantise = new ConversionOptions { Quantize = new QuantizationRecipe { Format = QuantizationFormat.Create(QuantizationMode.Affine, 4, 32) } };
        Convert("once", quantise with { MergeAdapters = [Adapter("peft")] });
        Convert("merged", new ConversionOptions { MergeAdapters = [Adapter("peft")] });
        CheckpointConverter.Convert(_files["merged"], _files["then"], quantise, cancellationToken: Stop);
        Assert.Equal(ConvertedTensors.Hashes(_files["then"]), ConvertedTensors.Hashes(_files["once"]));
    }

    [Fact]
    public void Convert_MergedIntoQuantised_ChangesOnlyItsLayersAndSaysSo()
    {
        Convert("base", new ConversionOptions { Quantize = new QuantizationRecipe() });
        ConversionResult result = CheckpointConverter.Convert(_files["base"], _files["merged"], new ConversionOptions { MergeAdapters = [Adapter("peft")] }, cancellationToken: Stop);
        Assert.Contains("quantised again", Assert.Single(result.Notes), StringComparison.Ordinal);
        SortedDictionary<string, string> before = ConvertedTensors.Hashes(_files["base"]), after = ConvertedTensors.Hashes(_files["merged"]);
        using Checkpoint checkpoint = Checkpoint.Open(_files["base"], new CheckpointOptions { HeadersOnly = true });
        ModelParts.Build(checkpoint.Root, checkpoint.Config);
        HashSet<string> changed = [.. LoraAdapter.Load(Adapter("peft").Folder, checkpoint).Modules.Select(module => TensorNames.Mlx(module) + ".weight")];
        Assert.Equal(before.Keys, after.Keys);
        Assert.All(before.Keys.Where(name => name.EndsWith(".weight", StringComparison.Ordinal)), name => Assert.Equal(changed.Contains(name), before[name] != after[name]));
    }

    [Fact]
    public void Convert_SlicedAway_IsSaid()
    {
        ConversionResult result = Convert("out", new ConversionOptions { MergeAdapters = [Adapter("peft")], Slice = MatFormerSlice.Parse("128*4;skip=0,1") });
        Assert.Contains("are not in the result", Assert.Single(result.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void Convert_AdapterOfAnotherBase_IsRefusedWithItsReport()
    {
        using TinyCheckpoint other = TinyCheckpoint.Create("tiny-a");
        var error = Assert.Throws<AdapterException>(() => CheckpointConverter.Convert(
            other.Folder, _files["out"], new ConversionOptions { MergeAdapters = [Adapter("peft")] }, cancellationToken: Stop));
        Assert.True(error.Report!.HasErrors);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_files.Path));
    }

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    static AdapterToMerge Adapter(string name) => new(GoldenFiles.Find($"lora/{name}"));

    static int[] Integers(JsonDocument json, string property) => [.. json.RootElement.GetProperty(property).EnumerateArray().Select(e => e.GetInt32())];

    ConversionResult Convert(string to, ConversionOptions options) => CheckpointConverter.Convert(_source.Folder, _files[to], options, cancellationToken: Stop);
}
