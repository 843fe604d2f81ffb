using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.EndToEnd.Tests;

/// <summary>A model broken in one place is traced and compared with the sound one: the first tensor that differs must name the broken block.</summary>
public sealed class PlantedFaultTests(PlantedFaultTests.SoundTraces sound) : IClassFixture<PlantedFaultTests.SoundTraces>
{
    const string Layers = "language_model.layers.";
    const string Vision = "vision_tower.timm_model.";
    const string Audio = "audio_tower.";

    /// <summary>Faults of the text model, with the block that must be named.</summary>
    static readonly Dictionary<string, (Fault Fault, string Expected)> s_text = new()
    {
        ["an embedding table one row off"] = (Faults.Roll("language_model.embed_tokens.weight"), "language_model.embed_tokens"),
        ["a per-layer table one column off"] = (Faults.RollColumns("language_model.embed_tokens_per_layer.weight"), "language_model.embed_tokens_per_layer"),
        ["a per-layer projection one row off"] = (Faults.Roll("language_model.per_layer_model_projection.weight"), "language_model.per_layer_model_projection"),
        ["a per-layer norm one element off"] = (Faults.Roll("language_model.per_layer_projection_norm.weight"), "language_model.per_layer_projection_norm"),
        ["a transposed AltUp projection"] = (Faults.Transpose("language_model.altup_projections.0.weight"), "language_model.altup_projections.0"),
        ["two AltUp projections exchanged"] = (Faults.Swap("language_model.altup_projections.1.weight", "language_model.altup_projections.2.weight"), "language_model.altup_projections.1"),
        ["a transposed AltUp unprojection"] = (Faults.Transpose("language_model.altup_unembed_projections.1.weight"), "language_model.altup_unembed_projections.1"),
        ["prediction coefficients one row off"] = (Faults.Roll($"{Layers}3.altup.prediction_coefs.weight"), $"{Layers}3.laurel"),
        ["transposed correction coefficients"] = (Faults.Transpose($"{Layers}2.altup.correction_coefs.weight"), $"{Layers}2"),
        ["a router one row off"] = (Faults.Roll($"{Layers}1.altup.modality_router.weight"), $"{Layers}1.laurel"),
        ["no output scale"] = (Faults.Zero($"{Layers}7.altup.correct_output_scale"), $"{Layers}7"),
        ["two norms exchanged"] = (Faults.Swap($"{Layers}2.input_layernorm.weight", $"{Layers}2.post_attention_layernorm.weight"), $"{Layers}2.laurel"),
        ["the feed-forward norms exchanged"] = (Faults.Swap($"{Layers}4.pre_feedforward_layernorm.weight", $"{Layers}4.post_feedforward_layernorm.weight"), $"{Layers}4.mlp"),
        ["query and key norm exchanged"] = (Faults.Swap($"{Layers}1.self_attn.q_norm.weight", $"{Layers}1.self_attn.k_norm.weight"), $"{Layers}1.self_attn"),
        ["keys and values exchanged"] = (Faults.Swap($"{Layers}0.self_attn.k_proj.weight", $"{Layers}0.self_attn.v_proj.weight"), $"{Layers}0.self_attn"),
        ["queries one row off in a shared layer"] = (Faults.Roll($"{Layers}8.self_attn.q_proj.weight"), $"{Layers}8.self_attn"),
        ["output projection one column off"] = (Faults.RollColumns($"{Layers}9.self_attn.o_proj.weight"), $"{Layers}9.self_attn"),
        ["gate and up exchanged"] = (Faults.Swap($"{Layers}5.mlp.gate_proj.weight", $"{Layers}5.mlp.up_proj.weight"), $"{Layers}5.mlp"),
        ["a low-rank projection one row off"] = (Faults.Roll($"{Layers}6.laurel.linear_left.weight"), $"{Layers}6.laurel"),
        ["a LAuReL norm one element off"] = (Faults.Roll($"{Layers}0.laurel.post_laurel_norm.weight"), $"{Layers}0.laurel"),
        ["a per-layer gate one row off"] = (Faults.Roll($"{Layers}8.per_layer_input_gate.weight"), $"{Layers}8"),
        ["the last per-layer norm one element off"] = (Faults.Roll($"{Layers}9.post_per_layer_input_norm.weight"), $"{Layers}9"),
        ["the final norm one element off"] = (Faults.Roll("language_model.norm.weight"), "language_model.norm"),
        ["the two RoPE bases exchanged"] = (new Fault("\"full_attention\":{\"rope_theta\":1000000.0", "\"full_attention\":{\"rope_theta\":10000.0", "\"sliding_attention\":{\"rope_theta\":10000.0", "\"sliding_attention\":{\"rope_theta\":1000000.0"), $"{Layers}0.self_attn"),
        ["a window one position too long"] = (new Fault("\"sliding_window\":24", "\"sliding_window\":25"), $"{Layers}0.self_attn"),
        ["a window one position too short"] = (new Fault("\"sliding_window\":24", "\"sliding_window\":23"), $"{Layers}0.self_attn"),
        ["another base in the full layers"] = (new Fault("\"rope_theta\":1000000.0", "\"rope_theta\":500000.0"), $"{Layers}4.self_attn"),
        ["another sparsity in layer 1"] = (new Fault("[0.95,0.9,0.5", "[0.95,0.8,0.5"), $"{Layers}1.mlp"),
        ["another soft cap"] = (new Fault("\"final_logit_softcapping\":30.0", "\"final_logit_softcapping\":20.0"), "logits"),
    };

    /// <summary>Faults of the towers and their embedders.</summary>
    static readonly Dictionary<string, (Fault Fault, string Expected)> s_towers = new()
    {
        ["stem kernels turned"] = (Faults.TurnKernels($"{Vision}conv_stem.conv.weight"), $"{Vision}conv_stem"),
        ["stem bias zero"] = (Faults.Zero($"{Vision}conv_stem.conv.bias"), $"{Vision}conv_stem"),
        ["stem norm one element off"] = (Faults.Roll($"{Vision}conv_stem.bn.weight"), $"{Vision}conv_stem"),
        ["kernels of an edge residual turned"] = (Faults.TurnKernels($"{Vision}blocks.0.0.conv_exp.weight"), $"{Vision}blocks.0.0"),
        ["a norm of an edge residual one element off"] = (Faults.Roll($"{Vision}blocks.0.1.bn1.weight"), $"{Vision}blocks.0.1"),
        ["a projection of an edge residual one row off"] = (Faults.Roll($"{Vision}blocks.0.2.conv_pwl.weight"), $"{Vision}blocks.0.2"),
        ["a depthwise kernel turned"] = (Faults.TurnKernels($"{Vision}blocks.1.0.dw_start.conv.weight"), $"{Vision}blocks.1.0"),
        ["a strided depthwise kernel turned"] = (Faults.TurnKernels($"{Vision}blocks.2.0.dw_mid.conv.weight"), $"{Vision}blocks.2.0"),
        ["a layer scale one element off"] = (Faults.Roll($"{Vision}blocks.1.3.layer_scale.gamma"), $"{Vision}blocks.1.3"),
        ["an expansion one row off"] = (Faults.Roll($"{Vision}blocks.2.8.pw_exp.conv.weight"), $"{Vision}blocks.2.8"),
        ["queries of pixels one row off"] = (Faults.Roll($"{Vision}blocks.2.9.attn.query.proj.weight"), $"{Vision}blocks.2.9"),
        ["keys shrunk with turned kernels"] = (Faults.TurnKernels($"{Vision}blocks.2.11.attn.key.down_conv.weight"), $"{Vision}blocks.2.11"),
        ["keys and values exchanged in a block"] = (Faults.Swap($"{Vision}blocks.3.1.attn.key.proj.weight", $"{Vision}blocks.3.1.attn.value.proj.weight"), $"{Vision}blocks.3.1"),
        ["an output projection one row off"] = (Faults.Roll($"{Vision}blocks.3.3.attn.output.proj.weight"), $"{Vision}blocks.3.3"),
        ["the fusion's projection one row off"] = (Faults.Roll($"{Vision}msfa.ffn.pw_proj.conv.weight"), $"{Vision}msfa"),
        ["the fusion's norm one element off"] = (Faults.Roll($"{Vision}msfa.norm.weight"), $"{Vision}msfa"),
        ["the picture embedder's norm one element off"] = (Faults.Roll("embed_vision.soft_embedding_norm.weight"), "embed_vision#1"),
        ["the picture embedder's projection one row off"] = (Faults.Roll("embed_vision.embedding_projection.weight"), "embed_vision"),
        ["the first sound kernels turned"] = (Faults.TurnKernels($"{Audio}subsample_conv_projection.conv_0.conv.weight"), $"{Audio}subsample_conv_projection.conv_0.norm"),
        ["the second sound norm one element off"] = (Faults.Roll($"{Audio}subsample_conv_projection.conv_1.norm.weight"), $"{Audio}subsample_conv_projection.conv_1.norm"),
        ["the input projection one column off"] = (Faults.RollColumns($"{Audio}subsample_conv_projection.input_proj_linear.weight"), $"{Audio}subsample_conv_projection"),
        ["a feed-forward one row off"] = (Faults.Roll($"{Audio}conformer.0.ffw_layer_start.ffw_layer_1.weight"), $"{Audio}conformer.0.ffw_layer_start"),
        ["a per-dimension scale one element off"] = (Faults.Roll($"{Audio}conformer.0.attention.attn.per_dim_scale"), $"{Audio}conformer.0.attention"),
        ["relative positions one row off"] = (Faults.Roll($"{Audio}conformer.1.attention.attn.relative_position_embedding.pos_proj.weight"), $"{Audio}conformer.1.attention"),
        ["queries and keys exchanged"] = (Faults.Swap($"{Audio}conformer.0.attention.attn.q_proj.weight", $"{Audio}conformer.0.attention.attn.k_proj.weight"), $"{Audio}conformer.0.attention"),
        ["the light convolution one tap off"] = (Faults.RollColumns($"{Audio}conformer.1.lconv1d.depthwise_conv1d.weight"), $"{Audio}conformer.1.lconv1d"),
        ["the closing feed-forward's norm one element off"] = (Faults.Roll($"{Audio}conformer.1.ffw_layer_end.post_layer_norm.weight"), $"{Audio}conformer.1.ffw_layer_end"),
        ["a block's norm one element off"] = (Faults.Roll($"{Audio}conformer.0.norm.weight"), $"{Audio}conformer.0.norm"),
        ["the sound embedder's norm one element off"] = (Faults.Roll("embed_audio.soft_embedding_norm.weight"), "embed_audio#1"),
        ["a shorter past"] = (new Fault("\"conf_attention_context_left\":13", "\"conf_attention_context_left\":12"), $"{Audio}conformer.0.attention"),
        ["another residual weight"] = (new Fault("\"conf_residual_weight\":0.5", "\"conf_residual_weight\":0.6"), $"{Audio}conformer.0.ffw_layer_start"),
    };

    public static TheoryData<string> TextFaults => [.. s_text.Keys];

    public static TheoryData<string> TowerFaults => [.. s_towers.Keys];

    [Theory]
    [MemberData(nameof(TextFaults))]
    public void TraceAndDiff_TextModelBroken_NameTheBlock(string fault) => Check(s_text[fault], SoundTraces.Text, sound.TextTrace);

    [Theory]
    [MemberData(nameof(TowerFaults))]
    public void TraceAndDiff_TowerBroken_NameTheBlock(string fault) => Check(s_towers[fault], SoundTraces.Mixed, sound.MixedTrace);

    [Fact]
    public void TraceAndDiff_NothingBroken_NamesNothing()
    {
        string path = sound.NewPath();
        SoundTraces.Write(null, SoundTraces.Text, path);
        TraceComparison comparison = TraceComparison.Compare(path, sound.TextTrace, 0);
        Assert.Null(comparison.First);
        Assert.Empty(comparison.OnlyInA);
        Assert.Empty(comparison.OnlyInB);
        Assert.True(comparison.Tensors.Count > 40);
    }

    void Check((Fault Fault, string Expected) planted, string golden, string soundTrace)
    {
        string path = sound.NewPath();
        SoundTraces.Write(planted.Fault, golden, path);
        TensorDifference? first = TraceComparison.Compare(path, soundTrace).First;
        Assert.NotNull(first);
        Assert.Equal(planted.Expected, first.Value.Name);
    }

    /// <summary>A fault in the tensors, or one in the text of the configuration given as pairs of old and new.</summary>
    public sealed record Fault(Func<List<TinyTensor>, IEnumerable<TinyTensor>>? Tensors, string[] Replacements)
    {
        public Fault(params string[] replacements)
            : this(null, replacements)
        {
        }

        public static implicit operator Fault(Func<List<TinyTensor>, IEnumerable<TinyTensor>> tensors) => new(tensors, []);

        public void ApplyToConfig(string folder)
        {
            string path = Path.Combine(folder, "config.json");
            string config = string.Concat(File.ReadAllText(path).Where(c => !char.IsWhiteSpace(c)));
            for (int i = 0; i < Replacements.Length; i += 2)
            {
                Assert.Contains(Replacements[i], config, StringComparison.Ordinal);
                config = config.Replace(Replacements[i], Replacements[i + 1], StringComparison.Ordinal);
            }

            File.WriteAllText(path, config);
        }
    }

    /// <summary>Traces of the sound model, made once.</summary>
    public sealed class SoundTraces : IDisposable
    {
        public const string Text = "tiny-a/goldens/text-long";
        public const string Mixed = "tiny-a/goldens/mixed";
        readonly string _folder = Directory.CreateTempSubdirectory("gemma-faults-").FullName;
        int _count;

        public SoundTraces()
        {
            Write(null, Text, TextTrace);
            Write(null, Mixed, MixedTrace);
        }

        public string TextTrace => Path.Combine(_folder, "text.safetensors");

        public string MixedTrace => Path.Combine(_folder, "mixed.safetensors");

        public static void Write(Fault? fault, string golden, string path)
        {
            using TinyCheckpoint files = TinyCheckpoint.Create("tiny-a", fault?.Tensors);
            fault?.ApplyToConfig(files.Folder);
            using GemmaModel model = GemmaModel.Load(files.Folder);
            using var trace = new TraceFile(path);
            EncodedPrompt prompt = model.Encode(new RecordedCase(Path.Combine(GoldenFiles.Root, golden)).Messages, trace: trace);
            model.Trace(prompt, trace);
            trace.Finish();
        }

        public string NewPath() => Path.Combine(_folder, $"{Interlocked.Increment(ref _count)}.safetensors");

        public void Dispose() => Directory.Delete(_folder, recursive: true);
    }
}
