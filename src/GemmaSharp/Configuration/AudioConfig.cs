namespace GemmaSharp.Configuration;

/// <summary>The <c>audio_config</c> of a checkpoint. The defaults are the published tower, the same in E2B and E4B.</summary>
/// <remarks>Source: transformers <c>configuration_gemma3n.py</c>. Immutable.</remarks>
sealed record AudioConfig
{
    /// <summary>Rows of the embedder's table of hard tokens.</summary>
    public int VocabSize { get; init; } = 128;

    /// <summary>Id of the table's first row.</summary>
    public int VocabOffset { get; init; } = 262272;

    /// <summary>Mel bands per frame.</summary>
    public int InputFeatSize { get; init; } = 128;

    /// <summary>Width of the conformer.</summary>
    public int HiddenSize { get; init; } = 1536;

    /// <summary>Epsilon of the RMS norms.</summary>
    public float RmsNormEps { get; init; } = 1e-6f;

    /// <summary>Bound on activations between the conformer's parts.</summary>
    public float GradientClipping { get; init; } = 1e10f;

    /// <summary>Frames per attention block.</summary>
    public int ConfAttentionChunkSize { get; init; } = 12;

    /// <summary>Frames a query sees up to and including its own, counted back.</summary>
    public int ConfAttentionContextLeft { get; init; } = 13;

    /// <summary>Frames a query sees ahead.</summary>
    public int ConfAttentionContextRight { get; init; }

    /// <summary>Cap <c>c</c> of <c>c · tanh(scores / c)</c>.</summary>
    public float ConfAttentionLogitCap { get; init; } = 50;

    /// <summary>Attention heads; divides <see cref="HiddenSize"/>.</summary>
    public int ConfNumAttentionHeads { get; init; } = 8;

    /// <summary>Conformer blocks.</summary>
    public int ConfNumHiddenLayers { get; init; } = 12;

    /// <summary>Length of the depthwise convolution in time.</summary>
    public int ConfConvKernelSize { get; init; } = 5;

    /// <summary>Every how manieth conformer frame becomes a token.</summary>
    public int ConfReductionFactor { get; init; } = 4;

    /// <summary>Weight of a feed-forward branch beside its residual.</summary>
    public float ConfResidualWeight { get; init; } = 0.5f;

    /// <summary>Channels of the two sub-sampling convolutions.</summary>
    public IReadOnlyList<int> SscpConvChannelSize { get; init; } = [128, 32];

    /// <summary>Epsilon of their cumulative group norm (older key: <c>sscp_conv_eps</c>).</summary>
    public float SscpConvGroupNormEps { get; init; } = 1e-3f;

    /// <summary>Kernels of the two convolutions, each <c>[time, frequency]</c>.</summary>
    public IReadOnlyList<IReadOnlyList<int>> SscpConvKernelSize { get; init; } = [[3, 3], [3, 3]];

    /// <summary>Strides of the two convolutions, each <c>[time, frequency]</c>.</summary>
    public IReadOnlyList<IReadOnlyList<int>> SscpConvStrideSize { get; init; } = [[2, 2], [2, 2]];

    internal static AudioConfig Read(JsonFields audio)
    {
        var config = new AudioConfig
        {
            VocabSize = audio.Int("vocab_size", 128, 1, 1 << 24),
            VocabOffset = audio.Int("vocab_offset", 262272, 0, 1 << 24),
            InputFeatSize = audio.Int("input_feat_size", 128, 1, 4096),
            HiddenSize = audio.Int("hidden_size", 1536, 1, 1 << 16),
            RmsNormEps = (float)audio.Number("rms_norm_eps", 1e-6, 1e-30, 1),
            GradientClipping = (float)audio.Number("gradient_clipping", 1e10, 1e-6, 1e30),
            ConfAttentionChunkSize = audio.Int("conf_attention_chunk_size", 12, 1, 4096),
            ConfAttentionContextLeft = audio.Int("conf_attention_context_left", 13, 1, 4096),
            ConfAttentionContextRight = audio.Int("conf_attention_context_right", 0, 0, 4096),
            ConfAttentionLogitCap = (float)audio.Number("conf_attention_logit_cap", 50, 1e-6, 1e30),
            ConfNumAttentionHeads = audio.Int("conf_num_attention_heads", 8, 1, 1024),
            ConfNumHiddenLayers = audio.Int("conf_num_hidden_layers", 12, 1, 1024),
            ConfConvKernelSize = audio.Int("conf_conv_kernel_size", 5, 1, 255),
            ConfReductionFactor = audio.Int("conf_reduction_factor", 4, 1, 64),
            ConfResidualWeight = (float)audio.Number("conf_residual_weight", 0.5, 0, 1e3),
            SscpConvChannelSize = audio.Ints("sscp_conv_channel_size", [128, 32], 1, 1 << 16),
            SscpConvGroupNormEps = (float)audio.Number("sscp_conv_group_norm_eps", 1e-3, 1e-30, 1, alias: "sscp_conv_eps"),
            SscpConvKernelSize = audio.IntPairs("sscp_conv_kernel_size", [[3, 3], [3, 3]], 1, 31),
            SscpConvStrideSize = audio.IntPairs("sscp_conv_stride_size", [[2, 2], [2, 2]], 1, 31),
        };
        return config.HiddenSize % config.ConfNumAttentionHeads == 0
            ? config
            : throw audio.Refuse("conf_num_attention_heads", $"a divisor of {audio.Name("hidden_size")} ({config.HiddenSize})");
    }
}
