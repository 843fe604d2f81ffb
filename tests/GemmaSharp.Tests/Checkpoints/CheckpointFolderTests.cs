using System.Text.Json.Nodes;
using GemmaSharp.Checkpoints;
using GemmaSharp.Layers;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Checkpoints;

public sealed class CheckpointFolderTests : IDisposable
{
    const string Index = "model.safetensors.index.json";

    readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("mmproj-model.gguf", "GGUF file")]
    [InlineData("pytorch_model.bin", "PyTorch")]
    [InlineData("consolidated.00.pth", "PyTorch")]
    [InlineData("adapter_model.safetensors", "LoRA adapter")]
    [InlineData("weights.npz", "early MLX")]
    [InlineData("README.md", "holds no model*.safetensors")]
    public void Open_FolderOfSomethingElse_SaysWhat(string file, string expected)
    {
        File.WriteAllText(_folder[file], "x");
        string message = Assert.Throws<CheckpointException>(() => Checkpoint.Open(_folder.Path)).Message;
        Assert.Contains(expected, message, StringComparison.Ordinal);
        Assert.Contains("; ", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_NoSuchFolder_SaysSo() =>
        Assert.Contains("There is no folder", Assert.Throws<CheckpointException>(() => Checkpoint.Open(_folder["none"])).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("GGUF\u0003\0\0\0", "too few for a GGUF file")]
    [InlineData("PK\u0003\u0004", "PyTorch")]
    [InlineData("\u0080\u0002}q", "pickle")]
    [InlineData("hello", "give the folder")]
    public void Open_FileInsteadOfFolder_SaysWhatItIs(string content, string expected)
    {
        File.WriteAllText(_folder["file"], content, System.Text.Encoding.Latin1);
        Assert.Contains(expected, Assert.ThrowsAny<CheckpointException>(() => Checkpoint.Open(_folder["file"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_NoConfig_SaysSo()
    {
        TinyCheckpoint.WriteFile(_folder["model.safetensors"], []);
        Assert.Contains("There is no such file", Assert.Throws<ConfigurationException>(() => Checkpoint.Open(_folder.Path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../model-00001-of-00004.safetensors")]
    [InlineData("/etc/passwd")]
    [InlineData("sub/model.safetensors")]
    [InlineData("..")]
    [InlineData("a\\b.safetensors")]
    [InlineData("")]
    public void Open_IndexLeavesTheFolder_IsRefused(string target)
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create("tiny-a");
        ChangeIndex(tiny, map => map["model.language_model.norm.weight"] = target);
        Assert.Contains("do not trust", Assert.Throws<CheckpointException>(() => Checkpoint.Open(tiny.Folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_IndexWithoutMap_IsRefused()
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create("tiny-a");
        File.WriteAllText(Path.Combine(tiny.Folder, Index), "{}");
        Assert.Contains("weight_map", Assert.Throws<CheckpointException>(() => Checkpoint.Open(tiny.Folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_IndexMissing_ReadsEveryShard()
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create("tiny-a");
        File.Delete(Path.Combine(tiny.Folder, Index));
        using Checkpoint checkpoint = Checkpoint.Open(tiny.Folder);
        Assert.Empty(TinyCheckpoint.Report(checkpoint).Findings);
    }

    [Fact]
    public void Open_IndexMissingAndAShardToo_NamesTheShard()
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create("tiny-a");
        File.Delete(Path.Combine(tiny.Folder, Index));
        File.Delete(Path.Combine(tiny.Folder, "model-00003-of-00004.safetensors"));
        Assert.Contains("not model-00003-of-00004.safetensors; finish the download", Assert.Throws<CheckpointException>(() => Checkpoint.Open(tiny.Folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_IndexWrongAboutTheShard_FindsTheTensor()
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create("tiny-a");
        ChangeIndex(tiny, map => map["model.language_model.norm.weight"] = "model-00001-of-00004.safetensors");
        using Checkpoint checkpoint = Checkpoint.Open(tiny.Folder);
        Assert.Empty(TinyCheckpoint.Report(checkpoint).Findings);
    }

    [Fact]
    public void Open_IndexOfMergedShards_ReadsTheSingleFile()
    {
        using TinyCheckpoint tiny = TinyCheckpoint.CreateEmpty("tiny-a");
        TinyCheckpoint.WriteFile(Path.Combine(tiny.Folder, "model.safetensors"), TinyCheckpoint.Tensors("tiny-a"));
        using Checkpoint checkpoint = Checkpoint.Open(tiny.Folder);
        Assert.Empty(TinyCheckpoint.Report(checkpoint).Findings);
    }

    [Fact]
    public void Report_ShardOfTheIndexMissing_SaysFinishTheDownload()
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create("tiny-a");
        File.Delete(Path.Combine(tiny.Folder, "model-00003-of-00004.safetensors"));
        using Checkpoint checkpoint = Checkpoint.Open(tiny.Folder);
        LoadReport report = TinyCheckpoint.Report(checkpoint);
        Assert.True(report.HasErrors);
        Assert.All(report.Findings.Where(f => f.Severity == Severity.Error), f => Assert.Equal("It belongs to model-00003-of-00004.safetensors, which is not in the folder: finish the download.", f.Repair));
    }

    [Fact]
    public void Open_OtherSafetensorsBesideTheModel_AreIgnored()
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create("tiny-c");
        File.WriteAllText(Path.Combine(tiny.Folder, "consolidated.safetensors"), "nonsense");
        File.WriteAllText(Path.Combine(tiny.Folder, "adapter_model.safetensors"), "nonsense");
        using Checkpoint checkpoint = Checkpoint.Open(tiny.Folder);
        Assert.Single(checkpoint.Files);
    }

    [Fact]
    public void Modules_HeadersOnly_ListTheTreeWithoutReadingWeights()
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create("tiny-c");
        using Checkpoint checkpoint = Checkpoint.Open(tiny.Folder, new CheckpointOptions { HeadersOnly = true });
        Assert.Empty(checkpoint.Root["language_model"].Vector("norm.weight", 128));
        Assert.Equal(128, checkpoint.Root["language_model"]["layers"][0]["mlp"].Linear("gate_proj", 128, 256).InFeatures);
        ModuleNode text = Assert.Single(checkpoint.Modules().Children);
        Assert.Equal(("language_model", "TextModel"), (text.Path, text.Type));
        Assert.Equal(["norm", "layers"], text.Children.Select(c => c.Name));
        ModuleNode gate = text.Children[1].Children[0].Children[0].Children[0];
        Assert.Equal(("DecoderLayer", "FeedForward", "Linear"), (text.Children[1].Children[0].Type, text.Children[1].Children[0].Children[0].Type, gate.Type));
        ModuleParameter weight = Assert.Single(gate.Parameters);
        Assert.Equal(("bf16", 256L * 128 * 2, 256L * 128), (weight.Format, weight.Bytes, weight.Count));
        Assert.Equal(128 + 256 * 128, text.ParameterCount);
    }

    static void ChangeIndex(TinyCheckpoint tiny, Action<JsonObject> change)
    {
        string path = Path.Combine(tiny.Folder, Index);
        JsonNode root = JsonNode.Parse(File.ReadAllText(path))!;
        change(root["weight_map"]!.AsObject());
        File.WriteAllText(path, root.ToJsonString());
    }
}
