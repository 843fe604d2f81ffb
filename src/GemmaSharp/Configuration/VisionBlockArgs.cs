namespace GemmaSharp.Configuration;

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
