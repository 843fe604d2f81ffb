using System.Text.Json;
using GemmaSharp.Checkpoints;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Checkpoints;

/// <summary>One fault is planted in a sound checkpoint; the report must name exactly that one, with its repair.</summary>
public sealed class LoadReportTests
{
    const string Layer3 = "model.language_model.layers.3.";

    [Theory]
    [InlineData("tiny-a")]
    [InlineData("tiny-b")]
    [InlineData("tiny-c")]
    public void Report_SoundCheckpoint_HasNoFault(string name)
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create(name);
        using Checkpoint checkpoint = Checkpoint.Open(tiny.Folder);
        LoadReport report = TinyCheckpoint.Report(checkpoint);
        Assert.Equal(name == "tiny-b" ? [FindingKind.TowerMissing] : [], report.Findings.Select(f => f.Kind));
        report.ThrowIfErrors();
    }

    [Fact]
    public void Report_MissingTensor_IsNamedWithModule()
    {
        Finding finding = Single("tiny-c", t => t.Where(x => x.Name != Layer3 + "self_attn.q_proj.weight"));
        Assert.Equal(FindingKind.Missing, finding.Kind);
        Assert.Equal(Severity.Error, finding.Severity);
        Assert.Equal("language_model.layers.3.self_attn.q_proj.weight", finding.Tensor);
        Assert.Equal("language_model.layers.3.self_attn.q_proj", finding.ModulePath);
        Assert.Equal("Linear", finding.ModuleType);
        Assert.Equal([128L, 128L], finding.ExpectedShape);
        Assert.Null(finding.StoredName);
        Assert.Equal("Tensor language_model.layers.3.self_attn.q_proj.weight is missing; Linear language_model.layers.3.self_attn.q_proj needs it as [128, 128].", finding.Problem);
    }

    [Fact]
    public void Report_MisnamedTensor_IsPairedWithItsRightName()
    {
        LoadReport report = Report("tiny-c", t => t.Select(x => x.Name == Layer3 + "self_attn.q_proj.weight" ? x with { Name = Layer3 + "self_attn.query_proj.weight" } : x));
        Assert.Equal([FindingKind.Missing, FindingKind.Unexpected], report.Findings.Select(f => f.Kind));
        Assert.Equal($"Rename {Layer3}self_attn.query_proj.weight in model.safetensors, which is of the right shape and used by nothing.", report.Findings[0].Repair);
        Assert.Equal("If it is language_model.layers.3.self_attn.q_proj.weight, rename it.", report.Findings[1].Repair);
        Assert.Equal(Severity.Warning, report.Findings[1].Severity);
    }

    [Fact]
    public void Report_TransposedTensor_GivesThePermutation()
    {
        Finding finding = Single("tiny-a", t => t.Select(x => x.Name == Layer3 + "mlp.down_proj.weight" ? TinyCheckpoint.Transpose(x, 1, 0) : x));
        Assert.Equal(FindingKind.WrongLayout, finding.Kind);
        Assert.Equal([160L, 96L], finding.FoundShape);
        Assert.Equal([96L, 160L], finding.ExpectedShape);
        Assert.Equal("Permute its axes by (1, 0) and save it again.", finding.Repair);
    }

    [Fact]
    public void Report_OtherWidth_NamesTheConfigFieldThatFits()
    {
        LoadReport report = Report("tiny-a", t => t.Select(x =>
            x.Name is Layer3 + "mlp.gate_proj.weight" or Layer3 + "mlp.up_proj.weight" ? TinyCheckpoint.Rule(x.Name, [224, 96], 1)
            : x.Name == Layer3 + "mlp.down_proj.weight" ? TinyCheckpoint.Rule(x.Name, [96, 224], 1) : x));
        Assert.Equal(3, report.Findings.Count);
        Assert.All(report.Findings, f => Assert.Equal(FindingKind.WrongShape, f.Kind));
        Assert.All(report.Findings, f => Assert.Equal("Set text_config.intermediate_size[3] to 224 in config.json if the tensor is right.", f.Repair));
    }

    [Theory]
    [InlineData("language_model.layers.0.self_attn.q_proj.weight", new long[] { 256, 96 }, "text_config.num_attention_heads to 8")]
    [InlineData("language_model.layers.0.self_attn.k_proj.weight", new long[] { 32, 96 }, "text_config.num_key_value_heads to 1")]
    [InlineData("language_model.layers.0.self_attn.q_norm.weight", new long[] { 64 }, "text_config.head_dim to 64")]
    [InlineData("language_model.layers.0.laurel.linear_left.weight", new long[] { 24, 96 }, "text_config.laurel_rank to 24")]
    [InlineData("language_model.layers.0.altup.modality_router.weight", new long[] { 3, 96 }, "text_config.altup_num_inputs to 3")]
    [InlineData("language_model.embed_tokens_per_layer.weight", new long[] { 2048, 160 }, "text_config.hidden_size_per_layer_input to 16")]
    [InlineData("language_model.embed_tokens.weight", new long[] { 2000, 96 }, "text_config.vocab_size to 2000")]
    [InlineData("language_model.norm.weight", new long[] { 128 }, "text_config.hidden_size to 128")]
    [InlineData("audio_tower.conformer.0.norm.weight", new long[] { 64 }, "audio_config.hidden_size to 64")]
    [InlineData("audio_tower.conformer.1.lconv1d.depthwise_conv1d.weight", new long[] { 48, 1, 7 }, "audio_config.conf_conv_kernel_size to 7")]
    [InlineData("embed_audio.embedding.weight", new long[] { 100, 48 }, "audio_config.vocab_size to 100")]
    public void Report_SizeOfAnotherConfig_NamesTheKey(string tensor, long[] shape, string repair)
    {
        Finding finding = Single("tiny-a", t => t.Select(x => x.Name == "model." + tensor ? TinyCheckpoint.Rule(x.Name, shape, 1) : x));
        Assert.Equal(FindingKind.WrongShape, finding.Kind);
        Assert.Equal(shape, finding.FoundShape);
        Assert.Equal($"Set {repair} in config.json if the tensor is right.", finding.Repair);
    }

    [Fact]
    public void Report_WrongType_NamesItWithFileAndBytes()
    {
        string name = Layer3 + "self_attn.o_proj.weight";
        Finding finding = Single("tiny-c", t => t.Select(x => x.Name == name ? x with { Type = ElementType.I16 } : x));
        Assert.Equal(FindingKind.WrongType, finding.Kind);
        Assert.Equal("I16", finding.FoundType);
        Assert.Equal("model.safetensors", finding.File);
        Assert.Equal(128 * 128 * 2, finding.EndByte - finding.FirstByte);
    }

    [Fact]
    public void Report_DuplicateThatDiffers_IsAnError()
    {
        Finding finding = Single("tiny-c", t => t.Append(TinyCheckpoint.Rule("language_model.model.norm.weight", [128], 9)));
        Assert.Equal(FindingKind.Duplicate, finding.Kind);
        Assert.Equal(Severity.Error, finding.Severity);
        Assert.Equal("language_model.norm.weight", finding.Tensor);
        Assert.Contains("and differ", finding.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Report_DuplicateThatIsTheSame_IsAWarning()
    {
        Finding finding = Single("tiny-c", t => t.Append(t.Single(x => x.Name == "model.language_model.norm.weight") with { Name = "language_model.model.norm.weight" }));
        Assert.Equal((FindingKind.Duplicate, Severity.Warning), (finding.Kind, finding.Severity));
    }

    [Fact]
    public void Report_MoreLayersThanConfigured_IsOneFinding()
    {
        Finding finding = Single("tiny-c", t => t.Concat(t.Where(x => x.Name.StartsWith(Layer3, StringComparison.Ordinal)).SelectMany(x => new[]
        {
            x with { Name = x.Name.Replace("layers.3.", "layers.6.", StringComparison.Ordinal) },
            x with { Name = x.Name.Replace("layers.3.", "layers.10.", StringComparison.Ordinal) },
        })).ToList());
        Assert.Equal(FindingKind.SurplusEntries, finding.Kind);
        Assert.Equal("language_model.layers", finding.ModulePath);
        Assert.Equal("The checkpoint has entries 6 to 10 of language_model.layers (48 tensors); this configuration has 6 entries.", finding.Problem);
        Assert.Equal("Set text_config.num_hidden_layers to 11 in config.json if the weights are right.", finding.Repair);
    }

    [Fact]
    public void Report_NaNInVector_NamesTheValue()
    {
        Finding finding = Single("tiny-c", t => t.Select(x => x.Name == "model.language_model.norm.weight" ? WithNaN(x, 17) : x));
        Assert.Equal(FindingKind.NonFinite, finding.Kind);
        Assert.Contains("value 17 of 128 is NaN", finding.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void FindNonFinite_NaNInMatrix_FindsWhatLoadingDoesNot()
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create("tiny-c", t => t.Select(x => x.Name == Layer3 + "mlp.up_proj.weight" ? WithNaN(WithNaN(x, 1000), 5) : x));
        using Checkpoint checkpoint = Checkpoint.Open(tiny.Folder);
        Assert.Empty(TinyCheckpoint.Report(checkpoint).Findings);
        Finding finding = Assert.Single(CheckpointValues.FindNonFinite(checkpoint, cancellationToken: TestContext.Current.CancellationToken));
        Assert.Equal(Layer3 + "mlp.up_proj.weight", finding.StoredName);
        Assert.Contains("has 2 values that are not finite, the first at 5 of 32768", finding.Problem, StringComparison.Ordinal);
        Assert.True(checkpoint.Report().With([finding]).HasErrors);
    }

    [Fact]
    public void FindZero_TensorsThatAreZeroThroughout_AreCountedOnce()
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create("tiny-c", t => t.Select(
            x => x.Name.StartsWith(Layer3 + "mlp.", StringComparison.Ordinal) ? x with { Bytes = new byte[x.Bytes.Length] } : x));
        using Checkpoint checkpoint = Checkpoint.Open(tiny.Folder);
        Finding finding = CheckpointValues.FindZero(checkpoint, TestContext.Current.CancellationToken)!;
        Assert.Equal((FindingKind.AllZero, Severity.Warning), (finding.Kind, finding.Severity));
        Assert.StartsWith("3 of ", finding.Problem, StringComparison.Ordinal);
        Assert.Contains(Layer3 + "mlp.", finding.Problem, StringComparison.Ordinal);
        using TinyCheckpoint whole = TinyCheckpoint.Create("tiny-c", t => t);
        using Checkpoint other = Checkpoint.Open(whole.Folder);
        Assert.Null(CheckpointValues.FindZero(other, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void FindZero_PartOfATensor_IsFoundByItsBytes()
    {
        const string Name = Layer3 + "mlp.up_proj.weight";
        using TinyCheckpoint tiny = TinyCheckpoint.Create("tiny-c", t => t.Select(x => x.Name == Name ? x with { Bytes = Hole(x.Bytes) } : x));
        using Checkpoint checkpoint = Checkpoint.Open(tiny.Folder);
        Finding finding = CheckpointValues.FindZero(checkpoint, TestContext.Current.CancellationToken)!;
        Assert.Equal((FindingKind.AllZero, Name), (finding.Kind, finding.StoredName));
        Assert.Contains("is zero from byte 16384 to ", finding.Problem, StringComparison.Ordinal);

        static byte[] Hole(byte[] bytes)
        {
            byte[] holed = [.. bytes];
            holed.AsSpan(16_384, bytes.Length / 2).Clear();
            return holed;
        }
    }

    [Theory]
    [InlineData("tiny-c", "_orig_mod.", "_orig_mod.")]
    [InlineData("tiny-c", "module.", "module.")]
    [InlineData("tiny-a", "base_model.model.", "base_model.model.")]
    [InlineData("tiny-c", "module._orig_mod.", "module._orig_mod.")]
    [InlineData("tiny-c", "state_dict.net.", "state_dict.net.")]
    [InlineData("tiny-c", "model.", "model.")]
    [InlineData("tiny-a", "my_language_model.net.", "my_language_model.net.")]
    public void Report_SomethingBeforeEveryName_IsOneWarningAndReadWithoutIt(string name, string prefix, string shown)
    {
        Finding finding = Single(name, t => t.Select(x => x with { Name = prefix + x.Name }));
        Assert.Equal((FindingKind.WrappedNames, Severity.Warning), (finding.Kind, finding.Severity));
        Assert.Matches($"^All [0-9]+ names begin with {System.Text.RegularExpressions.Regex.Escape(shown)}, which", finding.Problem);
        Assert.NotNull(finding.Repair);
    }

    [Theory]
    [InlineData("layers.3._checkpoint_wrapped_module._orig_mod.")]
    [InlineData("layers.3.module.")]
    public void Report_WrappersWithinNames_AreReadWithoutThem(string wrapped)
    {
        Finding finding = Single("tiny-c", t => t.Select(x => x with { Name = x.Name.Replace("layers.3.", wrapped, StringComparison.Ordinal) }));
        Assert.Equal(FindingKind.WrappedNames, finding.Kind);
        Assert.Contains("names hold segments", finding.Problem, StringComparison.Ordinal);
        Assert.Contains("read as model.language_model.layers.3.", finding.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Report_LayersOfAnAdaptersBase_AreReadAsTheyWere()
    {
        Finding finding = Single("tiny-c", t => t.Select(
            x => x with { Name = x.Name.Replace("self_attn.q_proj.", "self_attn.q_proj.base_layer.", StringComparison.Ordinal) }));
        Assert.Equal((FindingKind.WrappedNames, Severity.Warning), (finding.Kind, finding.Severity));
    }

    [Fact]
    public void Report_ExtraHeadThatDiffers_IsAWarning()
    {
        Finding finding = Single("tiny-c", t => t.Append(TinyCheckpoint.Rule("model.language_model.lm_head.weight", [2304, 128], 1)));
        Assert.Equal((FindingKind.ExtraHead, Severity.Warning), (finding.Kind, finding.Severity));
    }

    [Fact]
    public void Report_LongerEmbeddingTable_IsAWarningAndItsFirstRowsAreUsed()
    {
        Finding finding = Single("tiny-c", t => t.Select(x => x.Name == "model.language_model.embed_tokens.weight" ? TinyCheckpoint.Rule(x.Name, [2310, 128], 3) : x));
        Assert.Equal((FindingKind.SurplusRows, Severity.Warning), (finding.Kind, finding.Severity));
    }

    [Fact]
    public void Report_ComputedBuffersStored_AreNoFinding()
    {
        Assert.Empty(Report("tiny-c", t => t
            .Append(TinyCheckpoint.Rule("model.language_model.rotary_emb.inv_freq", [16], 1))
            .Append(TinyCheckpoint.Rule("model.audio_tower.conformer.0.attention.attn.relative_position_embedding.inv_timescales", [1, 1, 32], 1))
            .Append(TinyCheckpoint.Rule("model.language_model.embed_tokens.embed_scale", [], 1))).Findings);
    }

    [Fact]
    public void Report_FirstUpload_IsANote()
    {
        using TinyCheckpoint tiny = TinyCheckpoint.CreateFirstUpload();
        using Checkpoint checkpoint = Checkpoint.Open(tiny.Folder);
        Finding finding = Assert.Single(TinyCheckpoint.Report(checkpoint).Findings);
        Assert.Equal((FindingKind.FirstUploadVision, Severity.Note), (finding.Kind, finding.Severity));
    }

    [Fact]
    public void Report_ManyFaults_AreAllThereInAFixedOrder()
    {
        Func<List<TinyTensor>, IEnumerable<TinyTensor>> faults = t => t
            .Where(x => !x.Name.Contains("layers.10.", StringComparison.Ordinal) && !x.Name.EndsWith("layers.2.mlp.up_proj.weight", StringComparison.Ordinal))
            .Append(TinyCheckpoint.Rule("model.language_model.nonsense", [3], 1));
        LoadReport report = Report("tiny-b", faults);
        Assert.Equal(1 + 21, report.Count(Severity.Error));
        Assert.Equal("language_model.layers.2.mlp.up_proj.weight", report.Findings[0].Tensor);
        Assert.StartsWith("language_model.layers.10.", report.Findings[1].Tensor, StringComparison.Ordinal);
        Assert.Equal([Severity.Warning, Severity.Note], report.Findings.TakeLast(2).Select(f => f.Severity));
        Assert.Equal(report.ToString().Replace(report.Folder, "", StringComparison.Ordinal), Report("tiny-b", faults).ToString());
        var e = Assert.Throws<CheckpointException>(report.ThrowIfErrors);
        Assert.Same(report, e.Report);
        Assert.Contains("in 22 places", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WriteJson_Findings_HaveEveryField()
    {
        LoadReport report = Report("tiny-c", t => t.Select(x => x.Name == Layer3 + "mlp.down_proj.weight" ? TinyCheckpoint.Transpose(x, 1, 0) : x));
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            report.WriteJson(json);
        }

        using JsonDocument document = JsonDocument.Parse(stream.ToArray());
        Assert.Equal(1, document.RootElement.GetProperty("errors").GetInt32());
        JsonElement finding = document.RootElement.GetProperty("findings")[0];
        Assert.Equal("wrong_layout", finding.GetProperty("kind").GetString());
        Assert.Equal("error", finding.GetProperty("severity").GetString());
        Assert.Equal(256, finding.GetProperty("found_shape")[0].GetInt32());
        Assert.Equal("model.safetensors", finding.GetProperty("file").GetString());
        Assert.True(finding.GetProperty("first_byte").GetInt64() > 0);
    }

    static TinyTensor WithNaN(TinyTensor tensor, int index)
    {
        byte[] bytes = [.. tensor.Bytes];
        bytes[2 * index] = 0xC0;
        bytes[2 * index + 1] = 0x7F;
        return tensor with { Bytes = bytes };
    }

    static Finding Single(string name, Func<List<TinyTensor>, IEnumerable<TinyTensor>> change) => Assert.Single(Report(name, change).Findings);

    static LoadReport Report(string name, Func<List<TinyTensor>, IEnumerable<TinyTensor>> change)
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create(name, change);
        using Checkpoint checkpoint = Checkpoint.Open(tiny.Folder);
        return TinyCheckpoint.Report(checkpoint);
    }
}
