using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>How packed weights stand for numbers, and where their bytes lie: <c>w = scale · code + bias</c>, scale and bias of a group of columns.</summary>
/// <remarks>
/// <para>
/// A panel is 16 rows; a line is 64 bytes, four for each row of a panel, so that the lanes of a vector are rows. A panel is a sequence of blocks of columns. A
/// block holds the lines of its codes, 32 columns after 32 columns, and then those of its scales: reading a panel from its first byte to its last is all that a
/// product does, and a row's sum never crosses lanes.
/// </para>
/// <para>
/// 32 columns are eight fours. Codes of b bits lie in planes of 1, 2, 4 or 8 bits; a line of a plane of p bits holds 8 / p fours, the first in the lowest
/// bits of the bytes. So 32 columns of b bits take b lines.
/// </para>
/// </remarks>
/// <param name="Codes">What codes are.</param>
/// <param name="Scales">How scales and biases are kept.</param>
/// <param name="GroupSize">Columns that share a scale: 16, 32, 64 or 128.</param>
/// <param name="BiasFactor"><c>bias = factor · scale</c>, where <paramref name="Scales"/> keeps no biases.</param>
readonly record struct PackedForm(PackedCodes Codes, PackedScales Scales, int GroupSize, float BiasFactor = 0)
{
    /// <summary>Rows of a panel.</summary>
    public const int PanelRows = 16;

    /// <summary>Bytes of a line.</summary>
    public const int LineBytes = 4 * PanelRows;

    /// <summary>Columns whose codes take a line for each bit.</summary>
    public const int SpanColumns = 32;

    /// <summary>Columns of the largest block.</summary>
    public const int MostBlockColumns = 256;

    /// <summary>Lines of scales of the largest block.</summary>
    public const int MostScaleLines = 10;

    /// <summary>Bits of a code.</summary>
    public int Bits => Codes switch
    {
        PackedCodes.Two => 2,
        PackedCodes.Three => 3,
        PackedCodes.Five => 5,
        PackedCodes.Six => 6,
        PackedCodes.Eight => 8,
        _ => 4,
    };

    /// <summary>Bytes of an activation: 1, or 2 where codes have eight bits or stand for numbers that do.</summary>
    public int ActivationBytes => Codes is PackedCodes.Eight or PackedCodes.Uneven ? 2 : 1;

    /// <summary>Columns of a block: whole groups, and whole lines of scales.</summary>
    public int BlockColumns => Scales switch
    {
        PackedScales.BFloat16Singles or PackedScales.HalfSingles => 2 * GroupSize,
        PackedScales.SuperPairs or PackedScales.SuperSingles => MostBlockColumns,
        _ => GroupSize,
    };

    /// <summary>Groups of a block.</summary>
    public int BlockGroups => BlockColumns / GroupSize;

    /// <summary>Lines of a block's scales: a word for each row in every one.</summary>
    public int ScaleLines => Scales switch
    {
        PackedScales.FloatPairs => 2,
        PackedScales.SuperPairs => BlockGroups / 2 + 2,
        PackedScales.SuperSingles => BlockGroups / 4 + 1,
        _ => 1,
    };

    /// <summary>Bytes of a block's codes.</summary>
    public int CodeBytes => BlockColumns / SpanColumns * Bits * LineBytes;

    /// <summary>Bytes of a block.</summary>
    public int BlockBytes => CodeBytes + ScaleLines * LineBytes;

    /// <summary>Blocks of a row; what the last one has beyond the columns are zeros.</summary>
    public int BlocksOf(int columns) => (columns + BlockColumns - 1) / BlockColumns;

    /// <summary>Bytes of a panel.</summary>
    public long PanelBytes(int columns) => (long)BlocksOf(columns) * BlockBytes;

    /// <summary>The form that a quantised matrix packs to; null where there is none.</summary>
    /// <param name="format">Mode, bits, group size.</param>
    /// <param name="scales">Type of its scales when affine.</param>
    public static PackedForm? Of(QuantizationFormat format, ElementType scales) => format.Mode switch
    {
        // The integers 2 · e2m1 + 12 with half the scale.
        QuantizationMode.MxFp4 or QuantizationMode.NvFp4 => new(PackedCodes.Fp4, PackedScales.BFloat16Singles, format.GroupSize, -Fp4Offset),
        QuantizationMode.Affine => new(
            format.Bits switch
            {
                2 => PackedCodes.Two,
                3 => PackedCodes.Three,
                4 => PackedCodes.Four,
                5 => PackedCodes.Five,
                6 => PackedCodes.Six,
                _ => PackedCodes.Eight,
            },
            scales switch
            {
                ElementType.BF16 => PackedScales.BFloat16Pairs,
                ElementType.F16 => PackedScales.HalfPairs,
                _ => PackedScales.FloatPairs,
            },
            format.GroupSize),
        _ => null,
    };

    /// <summary>The form that blocks pack to; null where there is none.</summary>
    public static PackedForm? Of(BlockType type) => type switch
    {
        BlockType.Q4_0 => new(PackedCodes.Four, PackedScales.HalfSingles, 32, -8),
        BlockType.Q4_1 => new(PackedCodes.Four, PackedScales.HalfPairs, 32),
        BlockType.Q5_0 => new(PackedCodes.Five, PackedScales.HalfSingles, 32, -16),
        BlockType.Q5_1 => new(PackedCodes.Five, PackedScales.HalfPairs, 32),
        BlockType.Q8_0 => new(PackedCodes.Eight, PackedScales.HalfSingles, 32, -ByteOffset),
        BlockType.IQ4_NL => new(PackedCodes.Uneven, PackedScales.HalfSingles, 32, -ByteOffset),
        BlockType.MXFP4 => new(PackedCodes.Fp4, PackedScales.BFloat16Singles, 32, -Fp4Offset),
        BlockType.Q2_K => new(PackedCodes.Two, PackedScales.SuperPairs, 16),
        BlockType.Q3_K => new(PackedCodes.Three, PackedScales.SuperSingles, 16, -4),
        BlockType.Q4_K => new(PackedCodes.Four, PackedScales.SuperPairs, 32),
        BlockType.Q5_K => new(PackedCodes.Five, PackedScales.SuperPairs, 32),
        BlockType.Q6_K => new(PackedCodes.Six, PackedScales.SuperSingles, 16, -32),
        BlockType.IQ4_XS => new(PackedCodes.Uneven, PackedScales.SuperSingles, 32, -ByteOffset),
        _ => null,
    };

    /// <summary>What makes twice an E2M1 number an unsigned one.</summary>
    public const int Fp4Offset = 12;

    /// <summary>What makes a signed byte an unsigned one.</summary>
    public const int ByteOffset = 128;
}

/// <summary>What packed codes are: unsigned integers, or places in a table of them.</summary>
enum PackedCodes
{
    /// <summary>Integers of two bits.</summary>
    Two,

    /// <summary>Integers of three bits: planes of two and of one.</summary>
    Three,

    /// <summary>Integers of four bits.</summary>
    Four,

    /// <summary>Integers of five bits: planes of four and of one.</summary>
    Five,

    /// <summary>Integers of six bits: planes of four and of two.</summary>
    Six,

    /// <summary>Integers of eight bits.</summary>
    Eight,

    /// <summary>E2M1 codes, which stand for <c>2 · value + 12</c>.</summary>
    Fp4,

    /// <summary>Places in the sixteen uneven levels of IQ4 forms, which stand for <c>level + 128</c>.</summary>
    Uneven,
}

/// <summary>How packed scales and biases are kept: words of 32 bits, one for each row in a line.</summary>
enum PackedScales
{
    /// <summary>A line for each group: scale in the lower half, bias in the upper half, both bfloat16.</summary>
    BFloat16Pairs,

    /// <summary>The same with IEEE halves.</summary>
    HalfPairs,

    /// <summary>Two lines for each group: scales, then biases, float32.</summary>
    FloatPairs,

    /// <summary>A line for each two groups: the scale of the first in the lower half, that of the second in the upper half, both bfloat16.</summary>
    BFloat16Singles,

    /// <summary>The same with IEEE halves.</summary>
    HalfSingles,

    /// <summary>
    /// 256 columns: a line for each two groups with the bytes scale, minimum, scale, minimum; a line of float32 that multiply the scales, and one of float32
    /// that multiply the minima.
    /// </summary>
    SuperPairs,

    /// <summary>256 columns: a line for each four groups with their scales, signed bytes; a line of float32 that multiply them.</summary>
    SuperSingles,
}
