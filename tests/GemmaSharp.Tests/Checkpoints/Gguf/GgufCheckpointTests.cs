using System.Text.Json;
using GemmaSharp.Checkpoints;
using GemmaSharp.Checkpoints.Gguf;
using GemmaSharp.Configuration;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Checkpoints.Gguf;

/// <summary>Whole models in GGUF files beside the checkpoints they were made from.</summary>
public sealed class GgufCheckpointTests : IDisposable
{
    readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("tiny-a")]
    [InlineData("tiny-b")]
    [InlineData("tiny-c")]
    public void Models_WithTheirTowers_HaveEveryParameterOfTheirSource(string name)
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create(name);
        GgufFiles.Write(tiny.Folder, _folder["m.gguf"], "f32", _folder["mmproj-m.gguf"]);
        CheckpointComparison comparison = CheckpointComparison.Compare(tiny.Folder, _folder["m.gguf"], null, null, TestContext.Current.CancellationToken);
        Assert.Equal(TinyCheckpoint.Tensors(name).Count, comparison.Count(ParameterAgreement.Exact));
        Assert.True(comparison.Agrees);
    }

    [Theory]
    [InlineData("tiny-a")]
    [InlineData("tiny-b")]
    [InlineData("tiny-c")]
    public void Configurations_AreThoseOfTheirSource(string name)
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create(name);
        GgufFiles.Write(tiny.Folder, _folder["m.gguf"], "bf16", _folder["mmproj-m.gguf"]);
        using Checkpoint source = Checkpoint.Open(tiny.Folder), file = Checkpoint.Open(_folder["m.gguf"]);
        AssertSame(source.Config.TextConfig, file.Config.TextConfig);
        AssertSame(source.Config.VisionConfig, file.Config.VisionConfig);
        AssertSame(source.Config.AudioConfig, file.Config.AudioConfig);
        Assert.Equal(source.Config.ImageTokenId, file.Config.ImageTokenId);
        LoadReport report = TinyCheckpoint.Report(file);
        Assert.DoesNotContain(report.Findings, finding => finding.Severity != Severity.Note);
        Assert.Equal(TinyCheckpoint.Report(source).Findings.Count, report.Findings.Count);
    }

    [Fact]
    public void Models_InBlocks_ComputeWhatTheirDequantisedWeightsDo()
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create("tiny-c");
        foreach (string name in GgufConversionOptions.Types.Skip(3))
        {
            GgufFiles.Write(tiny.Folder, _folder[name + ".gguf"], name);
            GgufFiles.Write(_folder[name + ".gguf"], _folder[name + "-dense.gguf"], "f32");
            Assert.Equal(Logits(_folder[name + "-dense.gguf"]), Logits(_folder[name + ".gguf"]));
        }
    }

    [Theory]
    [InlineData("f32", 0)]
    [InlineData("bf16", 0)]
    [InlineData("f16", 2e-3)]
    [InlineData("q8_0", 0.05)]
    public void Models_ComputeAboutWhatTheirSourceDoes(string form, double tolerance)
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create("tiny-c");
        GgufFiles.Write(tiny.Folder, _folder["m.gguf"], form);
        float[] expected = Logits(tiny.Folder), found = Logits(_folder["m.gguf"]);
        float scale = expected.Max(Math.Abs);
        Assert.InRange(expected.Zip(found, (a, b) => Math.Abs(a - b)).Max() / scale, 0, tolerance);
    }

    [Fact]
    public void Towers_AreFoundBesideTheModel_OrGivenOrAbsent()
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create("tiny-c");
        GgufFiles.Write(tiny.Folder, _folder["m.gguf"], "bf16", _folder["towers.gguf"]);
        using (Checkpoint without = Checkpoint.Open(_folder["m.gguf"]))
        {
            LoadReport report = TinyCheckpoint.Report(without);
            Assert.False(report.HasErrors);
            Assert.Equal(["audio_tower", "vision_tower"], report.Findings.Where(f => f.Kind == FindingKind.TowerMissing).Select(f => f.Tensor).Order());
            Assert.Equal("Give the file with the towers (--mmproj) for pictures.", report.Findings.First(f => f.Tensor == "vision_tower").Repair);
        }

        using (Checkpoint given = Checkpoint.Open(_folder["m.gguf"], new CheckpointOptions { Projector = _folder["towers.gguf"] }))
        {
            Assert.Empty(TinyCheckpoint.Report(given).Findings);
        }

        File.Move(_folder["towers.gguf"], _folder["mmproj-F16.gguf"]);
        using Checkpoint folder = Checkpoint.Open(_folder.Path);
        Assert.Empty(TinyCheckpoint.Report(folder).Findings);
        Assert.Equal("m.gguf is a text model and no mmproj file; give the file with the towers.", Assert.Throws<GgufException>(
            () => Checkpoint.Open(_folder["m.gguf"], new CheckpointOptions { Projector = _folder["m.gguf"] })).Message);
        Assert.StartsWith("mmproj-F16.gguf holds the towers of a model", Assert.Throws<GgufException>(
            () => Checkpoint.Open(_folder["mmproj-F16.gguf"])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("clip.projector_type")]
    [InlineData("clip.vision.projector_type")]
    public void Towers_OfAnotherModelBesideIt_ArePassedOver_AndGivenRefused(string key)
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create("tiny-c");
        GgufFiles.Write(tiny.Folder, _folder["m-Q8_0.gguf"], "q8_0", _folder["mmproj-m-F32.gguf"]);
        File.WriteAllBytes(_folder["mmproj-F16.gguf"], new GgufBytes().Text("general.architecture", "clip").Text(key, "gemma3").Tensor("v.a.weight", [16], 0, 0).ToArray());
        File.WriteAllText(_folder["imatrix.gguf"], "no model");
        Assert.Equal("mmproj-F16.gguf has the towers of another model (gemma3); give the mmproj file of a Gemma 3n model.", Assert.Throws<GgufException>(
            () => Checkpoint.Open(_folder["m-Q8_0.gguf"], new CheckpointOptions { Projector = _folder["mmproj-F16.gguf"] })).Message);
        using (Checkpoint folder = Checkpoint.Open(_folder.Path))
        {
            // F16 comes before F32, and is another's.
            Assert.Empty(TinyCheckpoint.Report(folder).Findings);
        }

        File.Delete(_folder["mmproj-m-F32.gguf"]);
        using Checkpoint alone = Checkpoint.Open(_folder["m-Q8_0.gguf"]);
        Assert.Equal(2, TinyCheckpoint.Report(alone).Findings.Count(f => f.Kind == FindingKind.TowerMissing));
    }

    [Theory]
    [InlineData("tiny-a")]
    [InlineData("tiny-c")]
    public void Conversions_ToGgufAndBack_AreTheCheckpoint(string name)
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create(name);
        ConversionResult result = CheckpointConverter.ConvertToGguf(
            tiny.Folder, _folder["m.gguf"], new GgufConversionOptions(), cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal((_folder.Path, 0), (result.Folder, result.QuantizedModules));

        // AltUp's coefficients, a few hundred, are float32.
        Assert.InRange(result.BitsPerWeight, 16, 16.01);
        Assert.Equal(["m.gguf", "mmproj-m.gguf"], result.Files);
        CheckpointConverter.Convert(
            _folder["m.gguf"], _folder["back"], new ConversionOptions(), cancellationToken: TestContext.Current.CancellationToken);
        Assert.True(CheckpointComparison.Compare(tiny.Folder, _folder["back"], null, null, TestContext.Current.CancellationToken).Agrees);
        using Checkpoint source = Checkpoint.Open(tiny.Folder), back = Checkpoint.Open(_folder["back"]);
        AssertSame(source.Config.TextConfig, back.Config.TextConfig);
        AssertSame(source.Config.VisionConfig, back.Config.VisionConfig);
        AssertSame(source.Config.AudioConfig, back.Config.AudioConfig);
        Tokenizer expected = source.LoadTokenizer(), tokenizer = back.LoadTokenizer();
        foreach (string text in (string[])["The capital of Peru is Lima.", "  a\n\n b <end_of_turn>\t\u2581x \ud83d\ude00", "<start_of_image>12+5"])
        {
            Assert.Equal(expected.EncodeToIds(text), tokenizer.EncodeToIds(text));
        }

        Assert.Equal("The file " + _folder["m.gguf"] + " is there already; give another name, or allow it to be replaced (--force).",
            Assert.Throws<ConversionException>(() => CheckpointConverter.ConvertToGguf(
                tiny.Folder, _folder["m.gguf"], new GgufConversionOptions(), cancellationToken: TestContext.Current.CancellationToken)).Message);
    }

    [Fact]
    public void Conversions_ToGguf_ObeyRulesForTensors()
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create("tiny-c");
        Convert(new GgufConversionOptions { Type = "q8_0", Towers = false, TensorTypes = [new("blk.0.*_proj*", "f32"), new("attn_q.", "f16"), new("attn", "q4_1")] });
        using GgufFile file = GgufFile.Open(_folder["m.gguf"]);
        string Type(string name) => file.Entries.Single(entry => entry.Name == name).TypeName;
        Assert.Equal("F16", Type("blk.0.attn_q.weight"));
        Assert.Equal("Q4_1", Type("blk.1.attn_k.weight"));
        Assert.Equal("Q8_0", Type("blk.1.ffn_gate.weight"));
        Assert.Equal("F32", Type("blk.1.attn_norm.weight"));
        Refused("The GGUF file is to be q9_9, which is not written; use f32, f16", new GgufConversionOptions { Type = "q9_9" });
        Refused("Tensors attn are to be q9_9, which is not written; use f32, f16", new GgufConversionOptions { TensorTypes = [new("attn", "q9_9")] });
        Refused("Tensor blk.0.laurel_r.weight is to be q4_k and has rows of ", new GgufConversionOptions { TensorTypes = [new("laurel_r", "q4_k")] });
        Refused("Files of 0 bytes were asked for; at least 1 is needed.", new GgufConversionOptions { PartBytes = 0 });
        Refused("0 threads were asked for; use 1 to ", new GgufConversionOptions { Threads = 0 });

        void Convert(GgufConversionOptions options) => CheckpointConverter.ConvertToGguf(
            tiny.Folder, _folder["m.gguf"], options, cancellationToken: TestContext.Current.CancellationToken);
        void Refused(string begin, GgufConversionOptions options) =>
            Assert.StartsWith(begin, Assert.Throws<ConversionException>(() => Convert(options with { Force = true })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Conversions_ToParts_AreOneModel()
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create("tiny-c");
        var options = new GgufConversionOptions { Type = "f32", PartBytes = 100_000 };
        ConversionResult result = CheckpointConverter.ConvertToGguf(
            tiny.Folder, _folder["p.gguf"], options, cancellationToken: TestContext.Current.CancellationToken);
        Assert.InRange(result.Files.Count, 4, 99);
        Assert.False(File.Exists(_folder["p.gguf"]));
        Assert.Equal(Logits(tiny.Folder), Logits(_folder[result.Files[1]]));
        Assert.StartsWith("The file ", Assert.Throws<ConversionException>(() => CheckpointConverter.ConvertToGguf(
            tiny.Folder, _folder["p.gguf"], options with { Towers = false }, cancellationToken: TestContext.Current.CancellationToken)).Message, StringComparison.Ordinal);
        using var source = new CancellationTokenSource();
        source.Cancel();
        Assert.Throws<OperationCanceledException>(() => CheckpointConverter.ConvertToGguf(
            tiny.Folder, _folder["q.gguf"], options with { PartBytes = null }, cancellationToken: source.Token));
        Assert.Empty(Directory.EnumerateFiles(_folder.Path, "*q.gguf*"));
    }

    [Fact]
    public void Conversions_OutOfBlocks_AreTheirValues()
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create("tiny-c");
        GgufFiles.Write(tiny.Folder, _folder["m.gguf"], "q8_0");
        CheckpointConverter.Convert(_folder["m.gguf"], _folder["f32"], new ConversionOptions { Type = GemmaSharp.Numerics.Formats.ElementType.F32 },
            cancellationToken: TestContext.Current.CancellationToken);
        CheckpointComparison comparison = CheckpointComparison.Compare(_folder["m.gguf"], _folder["f32"], null, null, TestContext.Current.CancellationToken);
        Assert.Equal(comparison.Parameters.Count, comparison.Count(ParameterAgreement.Exact));
    }

    [Fact]
    public void Slices_OfBlocks_AreReadInPlaceWhereWidthsAllow()
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create("tiny-c");
        GgufFiles.Write(tiny.Folder, _folder["m.gguf"], "q8_0");
        int layers, width;
        using (Checkpoint whole = Checkpoint.Open(_folder["m.gguf"]))
        {
            (layers, width) = (whole.Config.TextConfig.NumHiddenLayers, whole.Config.TextConfig.IntermediateSize[0]);
        }

        LoadReport Report(int units)
        {
            var slice = new MatFormerSlice { Widths = [.. Enumerable.Repeat(units, layers)] };
            using Checkpoint checkpoint = Checkpoint.Open(_folder["m.gguf"], new CheckpointOptions { Slice = slice });
            return TinyCheckpoint.Report(checkpoint);
        }

        Assert.False(Report(width - 32).HasErrors);
        Finding cut = Report(width - 16).Findings.First(finding => finding.Severity == Severity.Error);
        Assert.Equal(FindingKind.CutGroup, cut.Kind);
        Assert.Equal("Use widths in multiples of 32 in this layer, or an unquantised file.", cut.Repair);
    }

    [Fact]
    public void Folders_WithSeveralModels_AreRefused()
    {
        File.WriteAllBytes(_folder["a.gguf"], GgufBytes.Sound().ToArray());
        File.WriteAllBytes(_folder["b.gguf"], GgufBytes.Sound().ToArray());
        Assert.EndsWith("holds 2 models (a.gguf, b.gguf); give the file of one.", Assert.Throws<GgufException>(
            () => Checkpoint.Open(_folder.Path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("llama", "m.gguf is of architecture \"llama\"; this program runs \"gemma3n\" only, so use a Gemma 3n model.")]
    [InlineData("adapter", "m.gguf is a LoRA adapter and no model; give the model, and as the adapter what peft or mlx-lm saved.")]
    [InlineData("", "m.gguf has no general.architecture; download it again.")]
    public void Files_OfAnotherKind_AreRefusedByName(string kind, string message)
    {
        GgufBytes bytes = new();
        _ = kind == "adapter" ? bytes.Text("general.type", "adapter").Text("general.architecture", "gemma3n")
            : kind.Length > 0 ? bytes.Text("general.architecture", kind) : bytes;
        File.WriteAllBytes(_folder["m.gguf"], bytes.ToArray());
        Assert.Equal(message, Assert.Throws<GgufException>(() => Checkpoint.Open(_folder["m.gguf"])).Message);
    }

    /// <summary>The keys of the two generations of converters and of Ollama's, for a model of E2B's sizes of which only the list of tensors is there.</summary>
    [Theory]
    [InlineData("A")]
    [InlineData("B")]
    [InlineData("O")]
    public void Keys_OfEveryGeneration_GiveTheConfiguration(string generation)
    {
        float cut = 1.6448533535f;
        byte[] scales = [.. Enumerable.Range(0, 30).SelectMany(i => BitConverter.GetBytes(i < 10 ? cut : float.NegativeInfinity))];
        GgufBytes bytes = new GgufBytes().Text("general.architecture", "gemma3n").U32("gemma3n.context_length", 32768).U32("gemma3n.embedding_length", 2048)
            .U32("gemma3n.block_count", 30).U32("gemma3n.attention.head_count", 8).U32("gemma3n.attention.head_count_kv", 2)
            .Value("gemma3n.attention.layer_norm_rms_epsilon", 6, BitConverter.GetBytes(1e-6f)).U32("gemma3n.attention.sliding_window", 512)
            .List("gemma3n.attention.sliding_window_pattern", 7, 30, [.. Enumerable.Range(0, 30).Select(i => (byte)((i + 1) % 5 == 0 ? 0 : 1))])
            .Value("gemma3n.rope.freq_base", 6, BitConverter.GetBytes(1e6f)).U32("gemma3n.altup.num_inputs", 4).U32("gemma3n.altup.active_idx", 0)
            .List("gemma3n.activation_sparsity_scale", 6, 30, scales).U32("gemma3n.embedding_length_per_layer_input", 256);
        _ = generation switch
        {
            "A" => bytes.Value("gemma3n.attention.shared_kv_layers", 6, BitConverter.GetBytes(10f)).U32("gemma3n.attention.key_length", 256)
                .List("gemma3n.feed_forward_length", 5, 30, [.. Enumerable.Repeat(GgufBytes.Int(8192), 30).SelectMany(b => b)]),
            "B" => bytes.U32("gemma3n.attention.shared_kv_layers", 10).U32("gemma3n.attention.key_length", 256).U32("gemma3n.feed_forward_length", 8192)
                .Value("gemma3n.rope.freq_base_swa", 6, BitConverter.GetBytes(10000f)).Value("gemma3n.final_logit_softcapping", 6, BitConverter.GetBytes(30f)),
            _ => bytes.U32("gemma3n.attention.shared_kv_layers", 10).U32("gemma3n.attention.head_dim", 256).U32("gemma3n.feed_forward_length", 8192)
                .Value("gemma3n.rope.freq_base_local", 6, BitConverter.GetBytes(10000f)).Value("gemma3n.altup.correct_scale", 7, [1]),
        };
        ulong rows = generation == "A" ? 262144UL : 262400, perLayer = generation == "B" ? 262400UL : 262144;

        // Only their shapes are looked at, so that the bytes may lie in a hole.
        bytes.Tensor("token_embd.weight", [2048, rows], 14, 0).Tensor("per_layer_token_embd.weight", [30 * 256, perLayer], 12, 1L << 30)
            .Tensor("blk.0.altup_correct_scale.weight", [2048], 0, 4L << 30).Tensor("blk.29.laurel_l.weight", [2048, 64], 1, 5L << 30)
            .Tensor("blk.0.laurel_l.weight", [2048, 64], 1, 6L << 30);
        using (FileStream stream = File.Create(_folder["m.gguf"]))
        {
            stream.Write(bytes.ToArray());
            stream.SetLength(7L << 30);
        }

        using Checkpoint checkpoint = Checkpoint.Open(_folder["m.gguf"], new CheckpointOptions { HeadersOnly = true });
        AssertSame(Gemma3nConfig.E2B.TextConfig with { VocabSize = (int)rows }, checkpoint.Config.TextConfig);
        Assert.Equal([262144L, 30 * 256], checkpoint.Tensors.Single(t => t.CanonicalName == "language_model.embed_tokens_per_layer.weight").Shape);
    }

    [Theory]
    [InlineData("gemma3n.block_count", 600u, "m.gguf has gemma3n.block_count = 600; a whole number from 1 to 512 is needed.")]
    [InlineData("gemma3n.attention.head_count", 0u, "m.gguf has gemma3n.attention.head_count = 0; a whole number from 1 to 16777216 is needed.")]
    [InlineData("tokenizer.ggml.bos_token_id", 9u, "m.gguf has tokenizer.ggml.bos_token_id = 9; a whole number from 0 to 1 is needed.")]
    public void Keys_ThatAreImpossible_AreRefused(string key, uint value, string message)
    {
        File.WriteAllBytes(
            _folder["m.gguf"], new GgufBytes().Text("general.architecture", "gemma3n").Texts("tokenizer.ggml.tokens", "a", "b").U32(key, value).ToArray());
        Assert.Equal(message, Assert.Throws<GgufException>(() => Checkpoint.Open(_folder["m.gguf"])).Message);
    }

    /// <summary>What only the reader of settings finds impossible is said of the key or tensor that it is from.</summary>
    [Theory]
    [InlineData("gemma3n.attention.head_count_kv", 3u, "m.gguf: gemma3n.attention.head_count_kv is 3; a divisor of gemma3n.attention.head_count (8) is needed.")]
    [InlineData("gemma3n.attention.key_length", 7u, "m.gguf: gemma3n.attention.key_length is 7; an even number is needed.")]
    [InlineData("gemma3n.attention.key_length", 8192u, "m.gguf: gemma3n.attention.key_length is 8192; a whole number from 2 to 4096 is needed.")]
    [InlineData("gemma3n.altup.active_idx", 5u, "m.gguf: gemma3n.altup.active_idx is 5; a stream below gemma3n.altup.num_inputs (4) is needed.")]
    [InlineData("gemma3n.altup.num_inputs", 65u, "m.gguf: gemma3n.altup.num_inputs is 65; a whole number from 1 to 64 is needed.")]
    [InlineData("gemma3n.attention.shared_kv_layers", 5u, "m.gguf: gemma3n.attention.shared_kv_layers is 5; a number below gemma3n.block_count (5) is needed.")]
    [InlineData("gemma3n.attention.shared_kv_layers", 4u,
        "m.gguf: gemma3n.attention.shared_kv_layers is 4; a number that leaves an unshared layer of every kind the shared ones need is needed.")]
    [InlineData("gemma3n.rope.freq_base", 0u, "m.gguf: gemma3n.rope.freq_base is 0; a number from 1 to 1000000000000 is needed.")]
    [InlineData("gemma3n.rope.freq_base_local", 0u, "m.gguf: gemma3n.rope.freq_base_local is 0; a number from 1 to 1000000000000 is needed.")]
    [InlineData("gemma3n.rope.freq_base_swa", 0u, "m.gguf: gemma3n.rope.freq_base_swa is 0; a number from 1 to 1000000000000 is needed.")]
    [InlineData("gemma3n.attention.layer_norm_rms_epsilon", 2u,
        "m.gguf: gemma3n.attention.layer_norm_rms_epsilon is 2; a number from 1E-30 to 1 is needed.")]
    [InlineData("gemma3n.final_logit_softcapping", 0u, "m.gguf: gemma3n.final_logit_softcapping is 0; a number from 1E-06 to 1E+30 is needed.")]
    [InlineData("gemma3n.feed_forward_length", 8388608u,
        "m.gguf: gemma3n.feed_forward_length[0] is 8388608; a whole number from 1 to 4194304 is needed.")]
    [InlineData("gemma3n.embedding_length", 300000u, "m.gguf: gemma3n.embedding_length is 300000; a whole number from 1 to 262144 is needed.")]
    [InlineData("general.sampling.top_p", 2u, "m.gguf: general.sampling.top_p is 2; a number from 0 to 1 is needed.")]
    public void Keys_ThatDoNotFitTogether_AreRefusedByTheirNames(string key, uint value, string message)
    {
        GgufBytes bytes = new GgufBytes().Text("general.architecture", "gemma3n").U32(key, value);
        foreach ((string other, uint usual) in (ReadOnlySpan<(string, uint)>)[("gemma3n.block_count", 5), ("gemma3n.attention.shared_kv_layers", 0)])
        {
            _ = other == key ? bytes : bytes.U32(other, usual);
        }

        File.WriteAllBytes(_folder["m.gguf"], bytes.ToArray());
        ConfigurationException error = Assert.Throws<ConfigurationException>(() =>
        {
            using Checkpoint checkpoint = Checkpoint.Open(_folder["m.gguf"]);
            checkpoint.LoadGenerationDefaults();
        });
        Assert.Equal(message, error.Message);
        Assert.Equal("m.gguf", error.File);
    }

    [Fact]
    public void Tensors_AndMultipliersThatAreImpossible_AreRefusedByTheirNames()
    {
        File.WriteAllBytes(_folder["m.gguf"], new GgufBytes().Text("general.architecture", "gemma3n").U32("gemma3n.block_count", 1)
            .U32("gemma3n.attention.shared_kv_layers", 0).Tensor("blk.0.attn_q_norm.weight", [15], 0, 0).ToArray());
        Assert.Equal("m.gguf: the length of blk.0.attn_q_norm.weight is 15; an even number is needed.",
            Assert.Throws<ConfigurationException>(() => Checkpoint.Open(_folder["m.gguf"])).Message);
        File.WriteAllBytes(_folder["m.gguf"], new GgufBytes().Text("general.architecture", "gemma3n").U32("gemma3n.block_count", 2)
            .List("gemma3n.activation_sparsity_scale", 6, 2, [.. BitConverter.GetBytes(0f), .. BitConverter.GetBytes(4f)]).ToArray());
        Assert.Equal("m.gguf has gemma3n.activation_sparsity_scale[1] = 4; a multiplier of the deviation up to 3.719 is needed.",
            Assert.Throws<GgufException>(() => Checkpoint.Open(_folder["m.gguf"])).Message);
        File.WriteAllBytes(_folder["m.gguf"], new GgufBytes().Text("general.architecture", "gemma3n").U32("gemma3n.block_count", 1)
            .U32("gemma3n.attention.shared_kv_layers", 0).Text("gemmasharp.settings", "{\"config.json\":{\"text_config\":{\"attention_bias\":true}}}").ToArray());
        Assert.StartsWith("m.gguf: gemmasharp.settings (config.json) $.text_config.attention_bias is true; false", Assert.Throws<ConfigurationException>(
            () => Checkpoint.Open(_folder["m.gguf"])).Message, StringComparison.Ordinal);
    }

    /// <summary>Listings say of every value of a converted checkpoint where it stands, in words that are in no JSON file.</summary>
    [Fact]
    public void Values_HaveTheirPlaces()
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create("tiny-c");
        GgufFiles.Write(tiny.Folder, _folder["m.gguf"], "f32", _folder["mmproj-m.gguf"]);
        using Checkpoint checkpoint = Checkpoint.Open(_folder["m.gguf"]);
        Dictionary<string, string> origins = checkpoint.Config.Values.ToDictionary(value => value.Name, value => value.Origin);
        Assert.Equal("m.gguf the width of token_embd.weight", origins["text_config.hidden_size"]);
        Assert.Equal("m.gguf gemma3n.attention.sliding_window", origins["text_config.sliding_window"]);
        Assert.Equal("m.gguf tokenizer.ggml.bos_token_id", origins["text_config.bos_token_id"]);
        Assert.Equal("mmproj-m.gguf the width of mm.embedding.weight", origins["vision_config.hidden_size"]);
        Assert.Equal("mmproj-m.gguf clip.audio.block_count", origins["audio_config.conf_num_hidden_layers"]);
        Assert.Equal("m.gguf gemmasharp.settings (config.json) $.audio_config.sscp_conv_channel_size", origins["audio_config.sscp_conv_channel_size"]);
        Assert.All(origins.Values, origin => Assert.Matches(@"^(m|mmproj-m)\.gguf [a-z]|^default$|^derived: ", origin));
    }

    [Theory]
    [InlineData("[]", "is no object")]
    [InlineData("{", "is no JSON")]
    [InlineData("{\"config.json\":{\"text_config\":{\"a\":1,\"a\":2}}}", "is no JSON")]
    public void Settings_ThatAreNoObject_AreRefused(string text, string said)
    {
        File.WriteAllBytes(_folder["m.gguf"], new GgufBytes().Text("general.architecture", "gemma3n").Text("gemmasharp.settings", text).ToArray());
        Assert.Contains($"m.gguf has gemmasharp.settings that {said}", Assert.Throws<GgufException>(() => Checkpoint.Open(_folder["m.gguf"])).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Lists_OfAnotherLengthThanTheLayers_AreRefused()
    {
        File.WriteAllBytes(_folder["m.gguf"], new GgufBytes().Text("general.architecture", "gemma3n").U32("gemma3n.block_count", 3)
            .List("gemma3n.attention.sliding_window_pattern", 7, 2, [1, 0]).ToArray());
        Assert.Equal("m.gguf has 2 entries in gemma3n.attention.sliding_window_pattern; one for each of the 3 layers is needed.",
            Assert.Throws<GgufException>(() => Checkpoint.Open(_folder["m.gguf"])).Message);
    }

    [Theory]
    [InlineData(1.6448533535f, 0.95)]
    [InlineData(1.6448536f, 0.95)]
    [InlineData(0.67448974f, 0.75)]
    [InlineData(float.NegativeInfinity, 0)]
    [InlineData(float.NaN, 0)]
    [InlineData(-1f, 0)]
    [InlineData(0f, 0)]
    public void Multipliers_AreTheSharesOfTheirConfiguration(float multiplier, double share) => Assert.Equal(share, GgufSparsity.Share(multiplier));

    [Fact]
    public void Names_OfTheModel_HaveAWayBack()
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create("tiny-c");
        using Checkpoint checkpoint = Checkpoint.Open(tiny.Folder);
        foreach (string name in checkpoint.Tensors.Select(tensor => tensor.CanonicalName).Where(name => !name.Contains(".altup_", StringComparison.Ordinal)))
        {
            string? stored = GgufNames.Stored(name);
            Assert.True(stored is { Length: <= 63 }, $"{name} is stored as {stored ?? "nothing"}.");
            Assert.Equal(name, GgufNames.Canonical(stored!));
        }
    }

    static void AssertSame<T>(T expected, T actual) =>
        Assert.Equal(JsonSerializer.Serialize(expected, s_json), JsonSerializer.Serialize(actual, s_json));

    static readonly JsonSerializerOptions s_json = new() { WriteIndented = true, NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals };

    static float[] Logits(string path)
    {
        using GemmaModel model = GemmaModel.Load(path, new GemmaModelOptions { Threads = 1, Exact = true, Vision = false, Audio = false });
        var trace = new RecordingTrace();
        model.Trace(model.EncodeText("The capital of Peru is Lima, and 12 + 5 = 17."), trace);
        return trace["logits"];
    }
}
