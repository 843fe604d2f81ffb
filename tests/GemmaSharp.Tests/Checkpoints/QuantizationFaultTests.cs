using System.Text.Json.Nodes;
using GemmaSharp.Checkpoints;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Checkpoints;

/// <summary>One fault is planted in a quantised checkpoint; the report must name exactly that one, once, with its repair.</summary>
public sealed class QuantizationFaultTests : IClassFixture<QuantizationFaultTests.Sources>
{
    const string Up = "language_model.model.layers.1.mlp.up_proj";
    const string UpPath = "language_model.layers.1.mlp.up_proj";
    const string Table = "language_model.model.embed_tokens_per_layer";

    readonly Sources _sources;

    public QuantizationFaultTests(Sources sources) => _sources = sources;

    public static TheoryData<string> Faults => [.. s_faults.Keys];

    static readonly Dictionary<string, Planted> s_faults = new()
    {
        ["missing .biases"] = new(t => t.Where(x => x.Name != Up + ".biases"),
            FindingKind.Missing, Severity.Error, UpPath + ".biases", "lacks the .biases of affine quantisation", "Download the checkpoint again"),
        ["misnamed .biases"] = new(t => t.Select(x => x.Name == Up + ".biases" ? x with { Name = Up + ".bias" } : x),
            FindingKind.Missing, Severity.Error, UpPath + ".biases", "lacks the .biases", $"Rename {Up}.bias in model.safetensors", FindingKind.Unexpected),
        ["missing .scales"] = new(t => t.Where(x => x.Name != Up + ".scales"),
            FindingKind.Missing, Severity.Error, UpPath + ".scales", "is missing; Linear language_model.layers.1.mlp.up_proj needs it as one number for each group of its codes [256, 16]", "Download"),
        [".scales without .weight"] = new(t => t.Where(x => x.Name != Up + ".weight"),
            FindingKind.Missing, Severity.Error, UpPath + ".weight", "needs it as packed codes, because there are .scales", "Download"),
        ["dense weight beside .scales"] = new(t => t.Select(x => x.Name == Up + ".weight" ? TinyCheckpoint.Rule(x.Name, [256, 128], 1) : x),
            FindingKind.WrongQuantization, Severity.Error, UpPath + ".weight", "U32 codes are needed and not BF16", $"If the weights are dequantised, remove {Up}.scales and {Up}.biases"),
        ["codes as I32"] = new(t => t.Select(x => x.Name == Up + ".weight" ? x with { Type = ElementType.I32 } : x),
            FindingKind.WrongQuantization, Severity.Error, UpPath + ".weight", "U32 codes are needed and not I32", $"Store {Up}.weight as U32, with the same bytes."),
        ["scales of integers"] = new(t => t.Select(x => x.Name == Up + ".scales" ? x with { Type = ElementType.I16 } : x),
            FindingKind.WrongQuantization, Severity.Error, UpPath + ".weight", "needs scales of BF16, F16 or F32 (affine) or U8 (mxfp4, nvfp4, mxfp8) and not I16", "gemma convert"),
        ["biases of another type"] = new(t => t.Select(x => x.Name == Up + ".biases" ? x with { Type = ElementType.F16 } : x),
            FindingKind.WrongQuantization, Severity.Error, UpPath + ".weight", "has .biases F16 [256, 2] unlike its .scales BF16 [256, 2]", "gemma convert"),
        ["biases of another shape"] = new(t => t.Select(x => x.Name == Up + ".biases" ? Cut(x, 256, 1) : x),
            FindingKind.WrongQuantization, Severity.Error, UpPath + ".weight", "has .biases BF16 [256, 1] unlike", "gemma convert"),
        ["packed width that fits no bit width"] = new(t => t.Select(x => x.Name == Up + ".weight" ? Cut(x, 256, 15) : x),
            FindingKind.WrongQuantization, Severity.Error, UpPath + ".weight", "15 words per row are 480 bits, no whole number of bits for each of 128 columns", "config.json belongs to these weights"),
        ["seven bits"] = new(t => t.Select(x => x.Name == Up + ".weight" ? Zeros(x, 256, 28) : x),
            FindingKind.WrongQuantization, Severity.Error, UpPath + ".weight", "Affine quantisation with 7 bits does not exist", "config.json belongs to these weights"),
        ["one bit"] = new(t => t.Select(x => x.Name == Up + ".weight" ? Cut(x, 256, 4) : x),
            FindingKind.WrongQuantization, Severity.Error, UpPath + ".weight", "is packed with 1 bit for each weight", "2, 3, 4, 5, 6 or 8 bits"),
        ["groups of 16"] = new(t => t.Select(x => x.Name == Up + ".scales" || x.Name == Up + ".biases" ? Zeros(x, 256, 8) : x),
            FindingKind.WrongQuantization, Severity.Error, UpPath + ".weight", "groups of 16 does not exist; use groups of 32, 64 or 128", "gemma convert"),
        ["scales that do not divide"] = new(t => t.Select(x => x.Name == Up + ".scales" || x.Name == Up + ".biases" ? Zeros(x, 256, 3) : x),
            FindingKind.WrongQuantization, Severity.Error, UpPath + ".weight", "3 scales per row do not divide 128 columns into equal groups", "gemma convert"),
        ["scales of fewer rows"] = new(t => t.Select(x => x.Name == Up + ".scales" || x.Name == Up + ".biases" ? Cut(x, 255, 2) : x),
            FindingKind.WrongQuantization, Severity.Error, UpPath + ".weight", "needs 256 rows of codes and of scales, and .scales is [255, 2]", "config.json belongs to these weights"),
        ["another width by the configured bits"] = new(t => t.Select(x =>
                x.Name == Up + ".weight" ? Zeros(x, 256, 24) : x.Name == Up + ".scales" || x.Name == Up + ".biases" ? Zeros(x, 256, 3) : x),
            FindingKind.WrongShape, Severity.Error, UpPath + ".weight", "holds [256, 192] by the configured bits", "Set text_config.hidden_size to 192"),
        ["module of another group size"] = new(t => t.Select(x => x.Name == Up + ".scales" || x.Name == Up + ".biases" ? Zeros(x, 256, 4) : x),
            FindingKind.WrongQuantization, Severity.Warning, UpPath + ".weight", "is affine4/32 by its tensors, which count, but the configuration says affine, 4 bits, groups of 64",
            "Give it an entry under quantization in config.json: {\"group_size\": 32, \"bits\": 4, \"mode\": \"affine\"}."),
        ["orphan .biases"] = new(t => t.Append(Zeros(TinyCheckpoint.Rule("audio_tower.conformer.0.attention.attn.q_proj.biases", [64, 1], 1), 64, 1)),
            FindingKind.WrongQuantization, Severity.Warning, "audio_tower.conformer.0.attention.attn.q_proj.biases", "audio_tower.conformer.0.attention.attn.q_proj.weight is BF16 and is used as it is", "Remove audio_tower"),
        ["per-layer table with padded rows"] = new(t => t.Select(x => x.Name.StartsWith(Table + ".", StringComparison.Ordinal) ? Zeros(x, x.Shape[0] + 64, x.Shape[1]) : x),
            FindingKind.SurplusRows, Severity.Warning, "language_model.embed_tokens_per_layer.weight", "uses its first 2048 rows", "Set text_config.vocab_size_per_layer_input to 2112"),
        ["head that is a copy"] = new(t => t.Concat(t.Where(x => x.Name.Contains("embed_tokens.", StringComparison.Ordinal)).Select(x => Head(x))),
            FindingKind.ExtraHead, Severity.Note, "lm_head.weight", "embed_tokens is the output head.", "It is a copy and can be removed"),
        ["head that differs"] = new(t => t.Concat(t.Where(x => x.Name.Contains("embed_tokens.", StringComparison.Ordinal)).Select(x => Zeros(Head(x), x.Shape[0], x.Shape[1]))),
            FindingKind.ExtraHead, Severity.Warning, "lm_head.weight", "and the two differ", "Set tie_word_embeddings to false"),
        ["dense head beside a quantised table"] = new(t => t.Append(TinyCheckpoint.Rule("language_model.lm_head.weight", [2304, 128], 1)),
            FindingKind.ExtraHead, Severity.Note, "lm_head.weight", "embed_tokens is the output head.", "Set tie_word_embeddings to false"),
        ["transposed convolution"] = new(t => t.Select(x => x.Name == "vision_tower.timm_model.blocks.0.0.conv_exp.weight" ? TinyCheckpoint.Transpose(x, 3, 1, 2, 0) : x),
            FindingKind.WrongLayout, Severity.Error, "vision_tower.timm_model.blocks.0.0.conv_exp.weight", "needs", "Permute its axes by ("),
        ["scales of a convolution"] = new(t => t.Append(TinyCheckpoint.Rule("vision_tower.timm_model.blocks.0.0.conv_exp.scales", [8, 1], 1)),
            FindingKind.WrongQuantization, Severity.Warning, "vision_tower.timm_model.blocks.0.0.conv_exp.scales", "is a part of a quantised module", "Remove vision_tower"),
        ["first upload"] = new(t => t.Where(x => x.Name != "vision_tower.timm_model.conv_stem.conv.bias"),
            FindingKind.FirstUploadVision, Severity.Note, "vision_tower", "first upload", "gemma convert --repair-vision"),
        ["configured bits"] = new(t => t, FindingKind.WrongQuantization, Severity.Warning, "language_model.embed_tokens.weight", "more modules are affine4/64 by their tensors, which count, but the configuration says affine, 8 bits",
            "Set quantization in config.json to {\"group_size\": 64, \"bits\": 4, \"mode\": \"affine\"}.")
        { Config = q => q["bits"] = 8 },
        ["configured group size"] = new(t => t, FindingKind.WrongQuantization, Severity.Warning, "language_model.embed_tokens.weight", "groups of 32", "\"group_size\": 64") { Config = q => q["group_size"] = 32 },
        ["configured mode"] = new(t => t, FindingKind.WrongQuantization, Severity.Warning, "language_model.embed_tokens.weight", "says mxfp4", "\"mode\": \"affine\"") { Config = q => q["mode"] = "mxfp4" },
        ["configured false"] = new(t => t, FindingKind.WrongQuantization, Severity.Warning, UpPath + ".weight", "says not quantised", $"Set \"{Up}\" under quantization") { Config = q => q[Up] = false },
        ["configured quantised, stored dense"] = new(t => t, FindingKind.WrongQuantization, Severity.Warning, "audio_tower.conformer.0.attention.attn.q_proj.weight", "is bf16 by its tensors, which count, but the configuration says affine, 4 bits", "to false.")
        { Config = q => q["audio_tower.conformer.0.attention.attn.q_proj"] = new JsonObject { ["group_size"] = 64, ["bits"] = 4 } },
        ["setting of an unknown module"] = new(t => t, FindingKind.UnknownModule, Severity.Warning, "language_model.model.layers.1.mlp.upp_proj", "a module that this model does not have", "Rename the entry to \"layers.1.mlp.up_proj\"")
        { Config = q => q["language_model.model.layers.1.mlp.upp_proj"] = new JsonObject { ["group_size"] = 64, ["bits"] = 4 } },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void Report_PlantedFault_IsTheOnlyFindingWithItsRepair(string name)
    {
        Planted fault = s_faults[name];
        LoadReport report = _sources.Report(fault);
        Assert.Equal(fault.Also is FindingKind also ? [fault.Kind, also] : [fault.Kind], report.Findings.Select(f => f.Kind));
        Finding finding = report.Findings[0];
        Assert.Equal((fault.Severity, fault.Tensor), (finding.Severity, finding.Tensor));
        Assert.Contains(fault.Problem, finding.Problem, StringComparison.Ordinal);
        Assert.Contains(fault.Repair, finding.Repair, StringComparison.Ordinal);
        Assert.Equal(report.ToString(), _sources.Report(fault).ToString());
    }

    [Fact]
    public void Report_SoundQuantisedCheckpoint_HasNoFinding() => Assert.Empty(_sources.Report(new Planted(t => t, default, default, "", "", "")).Findings);

    [Theory]
    [InlineData("lm-mxfp4-4-32")]
    [InlineData("lm-nvfp4-4-16")]
    [InlineData("lm-mxfp8-8-32")]
    public void Report_BiasesInAModeWithout_NamesThem(string golden)
    {
        using var folder = new TempFolder();
        MlxCheckpoints.Convert(golden, folder["c"]);
        const string Module = "model.language_model.layers.1.mlp.up_proj";
        Rewrite(folder["c"], t => t.Append(TinyCheckpoint.Rule(Module + ".biases", t.Single(x => x.Name == Module + ".scales").Shape, 1)));
        using Checkpoint checkpoint = Checkpoint.Open(folder["c"]);
        Finding finding = Assert.Single(TinyCheckpoint.Report(checkpoint).Findings, f => f.Severity == Severity.Error);
        Assert.Equal((FindingKind.WrongQuantization, UpPath + ".weight"), (finding.Kind, finding.Tensor));
        Assert.Contains("has U8 scales, as mxfp4, nvfp4 and mxfp8 do, which have no .biases", finding.Problem, StringComparison.Ordinal);
        Assert.StartsWith($"Remove {Module}.biases", finding.Repair, StringComparison.Ordinal);
    }

    [Fact]
    public void Report_QuantisedAudioTower_IsOneNote()
    {
        using var folder = new TempFolder();
        MlxCheckpoints.Convert("mlx-4bit", folder["c"]);
        Rewrite(folder["c"], t => t.SelectMany(x => x.Name.EndsWith("attn.q_proj.weight", StringComparison.Ordinal) && x.Name.StartsWith("audio_tower", StringComparison.Ordinal)
            ? [Zeros(x with { Type = ElementType.U32 }, 64, 8), Zeros(x with { Name = x.Name.Replace(".weight", ".scales", StringComparison.Ordinal) }, 64, 1), Zeros(x with { Name = x.Name.Replace(".weight", ".biases", StringComparison.Ordinal) }, 64, 1)]
            : new[] { x }));
        using Checkpoint checkpoint = Checkpoint.Open(folder["c"]);
        Finding finding = Assert.Single(TinyCheckpoint.Report(checkpoint).Findings);
        Assert.Equal((FindingKind.QuantizedTower, Severity.Note, "audio_tower"), (finding.Kind, finding.Severity, finding.Tensor));
        Assert.Contains("2 linear layers of audio_tower are quantised (affine4/64)", finding.Problem, StringComparison.Ordinal);
        Assert.Contains("gemma convert", finding.Repair, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("gptq")]
    [InlineData("awq")]
    [InlineData("bitsandbytes")]
    public void Open_OtherQuantisationScheme_IsRefusedByName(string method)
    {
        using TinyCheckpoint tiny = TinyCheckpoint.CreateEmpty("tiny-c");
        ChangeConfig(tiny.Folder, config => config["quantization_config"] = new JsonObject { ["quant_method"] = method, ["bits"] = 4 });
        TinyCheckpoint.WriteFile(Path.Combine(tiny.Folder, "model.safetensors"), [TinyCheckpoint.Rule("model.language_model.norm.weight", [128], 1)]);
        ConfigurationException error = Assert.Throws<ConfigurationException>(() => Checkpoint.Open(tiny.Folder));
        Assert.Contains(method, error.Message, StringComparison.Ordinal);
        Assert.Contains("MLX", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Report_TensorInTwoShards_IsOneFinding()
    {
        using TinyCheckpoint tiny = TinyCheckpoint.CreateEmpty("tiny-c");
        List<TinyTensor> tensors = TinyCheckpoint.Tensors("tiny-c");
        TinyTensor norm = tensors.Single(t => t.Name == "model.language_model.norm.weight");
        TinyCheckpoint.WriteFile(Path.Combine(tiny.Folder, "model-00001-of-00002.safetensors"), tensors);
        TinyCheckpoint.WriteFile(Path.Combine(tiny.Folder, "model-00002-of-00002.safetensors"), [norm]);
        using Checkpoint checkpoint = Checkpoint.Open(tiny.Folder);
        Finding finding = Assert.Single(TinyCheckpoint.Report(checkpoint).Findings);
        Assert.Equal((FindingKind.Duplicate, Severity.Warning), (finding.Kind, finding.Severity));
        Assert.Equal("Remove model.language_model.norm.weight from model-00002-of-00002.safetensors; the other is used.", finding.Repair);
    }

    static TinyTensor Head(TinyTensor x) => x with { Name = x.Name.Replace("model.embed_tokens", "lm_head", StringComparison.Ordinal) };

    static TinyTensor Zeros(TinyTensor tensor, long rows, long columns) =>
        tensor with { Shape = [rows, columns], Bytes = new byte[rows * columns * tensor.Type.SizeInBytes()] };

    static TinyTensor Cut(TinyTensor tensor, long rows, long columns) =>
        tensor with { Shape = [rows, columns], Bytes = tensor.Bytes[..(int)(rows * columns * tensor.Type.SizeInBytes())] };

    static void ChangeConfig(string folder, Action<JsonObject> change)
    {
        string path = Path.Combine(folder, "config.json");
        JsonObject config = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        change(config);
        File.WriteAllText(path, config.ToJsonString());
    }

    static void Rewrite(string folder, Func<List<TinyTensor>, IEnumerable<TinyTensor>> change)
    {
        string path = Path.Combine(folder, "model.safetensors");
        TinyTensor[] tensors = [.. change(Read(path))];
        TinyCheckpoint.WriteFile(path, tensors);
    }

    static List<TinyTensor> Read(string path)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        return [.. file.Entries.Select(e => new TinyTensor(e.Name, e.Type, [.. e.Shape], file.Tensor(e).Block.Read(e.Offset, (int)e.Length).ToArray()))];
    }

    /// <summary>A fault and what the report must say of it.</summary>
    sealed record Planted(
        Func<List<TinyTensor>, IEnumerable<TinyTensor>> Change, FindingKind Kind, Severity Severity, string Tensor, string Problem, string Repair, FindingKind? Also = null)
    {
        /// <summary>Changes the <c>quantization</c> object.</summary>
        public Action<JsonObject>? Config { get; init; }
    }

    /// <summary>tiny-c as mlx-vlm stores it with 4 bits in groups of 64.</summary>
    public sealed class Sources : IDisposable
    {
        readonly TempFolder _folder = new();
        readonly List<TinyTensor> _tensors;

        public Sources()
        {
            using TinyCheckpoint source = TinyCheckpoint.Create("tiny-c");
            CheckpointConverter.Convert(source.Folder, _folder["source"], MlxCheckpoints.Options("mlx-4bit"));
            _tensors = Read(Path.Combine(_folder["source"], "model.safetensors"));
        }

        internal LoadReport Report(object planted)
        {
            var fault = (Planted)planted;
            string folder = _folder["planted"];
            Directory.CreateDirectory(folder);
            File.Copy(Path.Combine(_folder["source"], "config.json"), Path.Combine(folder, "config.json"), overwrite: true);
            if (fault.Config is not null)
            {
                ChangeConfig(folder, config =>
                {
                    fault.Config(config["quantization"]!.AsObject());
                    config.Remove("quantization_config");
                });
            }

            TinyCheckpoint.WriteFile(Path.Combine(folder, "model.safetensors"), [.. fault.Change([.. _tensors])]);
            using Checkpoint checkpoint = Checkpoint.Open(folder);
            return TinyCheckpoint.Report(checkpoint);
        }

        public void Dispose() => _folder.Dispose();
    }
}
