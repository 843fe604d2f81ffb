namespace GemmaSharp.Numerics.Formats;

/// <summary>A form of weights in blocks, each with its own scale: those of GGUF files, by the numbers they have there.</summary>
enum BlockType
{
    /// <summary>4 bits, 32 weights to a scale.</summary>
    Q4_0 = 2,

    /// <summary>4 bits, scale and minimum.</summary>
    Q4_1 = 3,

    /// <summary>5 bits, 32 weights to a scale.</summary>
    Q5_0 = 6,

    /// <summary>5 bits, scale and minimum.</summary>
    Q5_1 = 7,

    /// <summary>8 bits, 32 weights to a scale.</summary>
    Q8_0 = 8,

    /// <summary>2 bits in superblocks of 256: 4-bit scales and minima of 16 weights.</summary>
    Q2_K = 10,

    /// <summary>3 bits in superblocks of 256: 6-bit scales of 16 weights.</summary>
    Q3_K = 11,

    /// <summary>4 bits in superblocks of 256: 6-bit scales and minima of 32 weights.</summary>
    Q4_K = 12,

    /// <summary>5 bits in superblocks of 256: 6-bit scales and minima of 32 weights.</summary>
    Q5_K = 13,

    /// <summary>6 bits in superblocks of 256: 8-bit scales of 16 weights.</summary>
    Q6_K = 14,

    /// <summary>Eights of weights from a list of 256, about 2.1 bits.</summary>
    IQ2_XXS = 16,

    /// <summary>Eights of weights from a list of 512, about 2.3 bits.</summary>
    IQ2_XS = 17,

    /// <summary>Fours of weights from a list of 256, about 3.1 bits.</summary>
    IQ3_XXS = 18,

    /// <summary>16 uneven levels, 32 weights to a scale.</summary>
    IQ4_NL = 20,

    /// <summary>Fours of weights from a list of 512, about 3.4 bits.</summary>
    IQ3_S = 21,

    /// <summary>Eights of weights from a list of 1,024, about 2.6 bits.</summary>
    IQ2_S = 22,

    /// <summary>16 uneven levels in superblocks of 256: 6-bit scales of 32 weights.</summary>
    IQ4_XS = 23,

    /// <summary>E2M1 codes, 32 to a power of two.</summary>
    MXFP4 = 39,
}

/// <summary>Sizes of <see cref="BlockType"/>.</summary>
static class BlockTypes
{
    /// <summary>Weights of the largest block.</summary>
    public const int MostWeights = 256;

    /// <summary>Weights of a block: 32 or 256.</summary>
    public static int BlockSize(this BlockType type) => type is BlockType.Q4_0 or BlockType.Q4_1 or BlockType.Q5_0 or BlockType.Q5_1 or BlockType.Q8_0
        or BlockType.IQ4_NL or BlockType.MXFP4 ? 32 : 256;

    /// <summary>Bytes of a block.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="type"/> is not defined.</exception>
    public static int BlockBytes(this BlockType type) => type switch
    {
        BlockType.Q4_0 or BlockType.IQ4_NL => 18,
        BlockType.Q4_1 => 20,
        BlockType.Q5_0 => 22,
        BlockType.Q5_1 => 24,
        BlockType.Q8_0 => 34,
        BlockType.Q2_K => 84,
        BlockType.Q3_K or BlockType.IQ3_S => 110,
        BlockType.Q4_K => 144,
        BlockType.Q5_K => 176,
        BlockType.Q6_K => 210,
        BlockType.IQ2_XXS => 66,
        BlockType.IQ2_XS => 74,
        BlockType.IQ2_S => 82,
        BlockType.IQ3_XXS => 98,
        BlockType.IQ4_XS => 136,
        BlockType.MXFP4 => 17,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "This is no block form that is read."),
    };

    /// <summary>The name in reports: <c>q4_k</c>.</summary>
    public static string Name(this BlockType type) => type.ToString().ToLowerInvariant();

    /// <summary>Bytes of a row.</summary>
    /// <param name="type">The form.</param>
    /// <param name="columns">Weights, whole blocks.</param>
    /// <exception cref="OverflowException">There are more than a long holds.</exception>
    public static long RowBytes(this BlockType type, long columns) => checked(columns / type.BlockSize() * type.BlockBytes());
}
