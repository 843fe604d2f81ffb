namespace GemmaSharp.Configuration;

/// <summary>The <c>vision_config</c> of a checkpoint. The defaults are the published tower, the same in E2B and E4B.</summary>
/// <remarks>Source: transformers <c>configuration_gemma3n.py</c>, timm <c>mobilenetv5.py</c>. Immutable.</remarks>
sealed record VisionConfig
{
    /// <summary>The name timm knows the network by.</summary>
    public string Architecture { get; init; } = "mobilenetv5_300m_enc";

    /// <summary>Channels the tower puts out.</summary>
    public int HiddenSize { get; init; } = 2048;

    /// <summary>Rows of the embedder's table of hard tokens.</summary>
    public int VocabSize { get; init; } = 128;

    /// <summary>Id of the table's first row.</summary>
    public int VocabOffset { get; init; } = 262144;

    /// <summary>Epsilon of the embedder's norms. The tower has its own.</summary>
    public float RmsNormEps { get; init; } = 1e-6f;

    /// <summary>Deviations from the published network.</summary>
    public VisionModelArgs ModelArgs { get; init; } = new();
}

/// <summary>The <c>model_args</c> handed to timm's network factory: deviations from the published MobileNet-v5.</summary>
sealed record VisionModelArgs
{
    /// <summary>Factor on every stage's width, rounded to a multiple of 8.</summary>
    public double ChannelMultiplier { get; init; } = 1;

    /// <summary>Channels of the stem before the multiplier.</summary>
    public int StemSize { get; init; } = 64;

    /// <summary>Whether the stem convolution may have a bias.</summary>
    public bool StemBias { get; init; } = true;

    /// <summary>Initial layer scale; <see langword="null"/> removes every <c>layer_scale.gamma</c>.</summary>
    public double? LayerScaleInitValue { get; init; } = 1e-5;

    /// <summary>Side of the output grid: <c>r²</c> tokens.</summary>
    public int MsfaOutputResolution { get; init; } = 16;

    /// <summary>The stages that are fused, counted from the end when negative.</summary>
    public IReadOnlyList<int> MsfaIndices { get; init; } = [-2, -1];

    /// <summary>A block table in place of the published one: stages of blocks; <see langword="null"/> for the published.</summary>
    public IReadOnlyList<IReadOnlyList<VisionBlockArgs>>? BlockArgs { get; init; }
}

/// <summary>One block of a <c>block_args</c> table in timm's decoded form. Keys a kind of block does not have are 0.</summary>
sealed record VisionBlockArgs
{
    /// <summary><c>er</c> (edge residual), <c>uir</c> (universal inverted residual) or <c>mqa</c> (multi-query attention).</summary>
    public string BlockType { get; init; } = "uir";

    /// <summary>Output channels before the multiplier.</summary>
    public int OutChs { get; init; }

    /// <summary>Stride of the block; only a stage's first block may have another than 1.</summary>
    public int Stride { get; init; } = 1;

    /// <summary>Middle channels as a factor on the input channels.</summary>
    public double ExpRatio { get; init; }

    /// <summary>Edge residual: the expanding kernel's side.</summary>
    public int ExpKernelSize { get; init; }

    /// <summary>Inverted residual: side of the depthwise kernel before the expansion, 0 for none.</summary>
    public int DwKernelSizeStart { get; init; }

    /// <summary>Inverted residual: side of the depthwise kernel between expansion and projection, 0 for none.</summary>
    public int DwKernelSizeMid { get; init; }

    /// <summary>Attention: side of the depthwise kernel that shrinks keys and values.</summary>
    public int DwKernelSize { get; init; }

    /// <summary>Attention: query heads.</summary>
    public int NumHeads { get; init; }

    /// <summary>Attention: key size.</summary>
    public int KeyDim { get; init; }

    /// <summary>Attention: value size.</summary>
    public int ValueDim { get; init; }

    /// <summary>Attention: stride of keys and values.</summary>
    public int KvStride { get; init; }

    /// <summary>Whether the block has no skip connection.</summary>
    public bool Noskip { get; init; }
}
