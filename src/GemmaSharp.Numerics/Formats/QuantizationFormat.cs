using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace GemmaSharp.Numerics.Formats;

/// <summary>Mode, bits per code and codes per scale of a quantised matrix.</summary>
/// <remarks>
/// Always one of the combinations MLX can write: affine with 2, 3, 4, 5, 6 or 8 bits in groups of 32, 64 or 128, mxfp4 (4 bits, 32),
/// nvfp4 (4 bits, 16), mxfp8 (8 bits, 32). Immutable.
/// </remarks>
public sealed record QuantizationFormat
{
    static readonly string[] s_modeNames = ["affine", "mxfp4", "nvfp4", "mxfp8"];

    QuantizationFormat(QuantizationMode mode, int bits, int groupSize)
    {
        (Mode, Bits, GroupSize) = (mode, bits, groupSize);
    }

    /// <summary>MLX's default: affine, 4 bits, groups of 64.</summary>
    public static QuantizationFormat Default { get; } = new(QuantizationMode.Affine, 4, 64);

    /// <summary>What a code stands for.</summary>
    public QuantizationMode Mode { get; }

    /// <summary>Bits per code: 2, 3, 4, 5, 6 or 8.</summary>
    public int Bits { get; }

    /// <summary>Consecutive inputs of a row that share a scale: 16, 32, 64 or 128.</summary>
    public int GroupSize { get; }

    /// <summary>Whether each group also has a bias (affine only).</summary>
    public bool HasBiases => Mode == QuantizationMode.Affine;

    /// <summary>The mode as <c>config.json</c> writes it: "affine", "mxfp4", "nvfp4", "mxfp8".</summary>
    public string ModeName => s_modeNames[(int)Mode];

    /// <summary>Short name for reports: "affine4/64", "mxfp4/32".</summary>
    public string Name => string.Create(CultureInfo.InvariantCulture, $"{(Mode == QuantizationMode.Affine ? $"affine{Bits}" : ModeName)}/{GroupSize}");

    /// <summary>A format of given mode, bits and group size.</summary>
    /// <param name="mode">What a code stands for.</param>
    /// <param name="bits">Bits per code; null for the mode's default (4; mxfp8: 8).</param>
    /// <param name="groupSize">Codes per scale; null for the mode's default (64; mx: 32; nv: 16).</param>
    /// <returns>The format.</returns>
    /// <exception cref="QuantizationFormatException">MLX has no such combination.</exception>
    public static QuantizationFormat Create(QuantizationMode mode, int? bits = null, int? groupSize = null) =>
        TryCreate(mode, bits, groupSize, out QuantizationFormat? format, out string? fault) ? format : throw new QuantizationFormatException(fault);

    /// <summary>A format of given mode, bits and group size, or the reason why there is none.</summary>
    /// <param name="mode">What a code stands for.</param>
    /// <param name="bits">Bits per code; null for the mode's default.</param>
    /// <param name="groupSize">Codes per scale; null for the mode's default.</param>
    /// <param name="format">The format, when there is one.</param>
    /// <param name="fault">One sentence, when there is none.</param>
    /// <returns>Whether the combination exists.</returns>
    public static bool TryCreate(
        QuantizationMode mode, int? bits, int? groupSize, [NotNullWhen(true)] out QuantizationFormat? format, [NotNullWhen(false)] out string? fault)
    {
        (int defaultBits, int defaultGroup) = mode switch
        {
            QuantizationMode.MxFp4 => (4, 32),
            QuantizationMode.NvFp4 => (4, 16),
            QuantizationMode.MxFp8 => (8, 32),
            _ => (4, 64),
        };
        (int b, int g) = (bits ?? defaultBits, groupSize ?? defaultGroup);
        format = null;
        fault = mode switch
        {
            < QuantizationMode.Affine or > QuantizationMode.MxFp8 => $"Quantisation mode {(int)mode} does not exist; use affine, mxfp4, nvfp4 or mxfp8.",
            QuantizationMode.Affine when b is not (2 or 3 or 4 or 5 or 6 or 8) =>
                $"Affine quantisation with {b} bits does not exist; use 2, 3, 4, 5, 6 or 8 bits.",
            QuantizationMode.Affine when g is not (32 or 64 or 128) => $"Affine quantisation in groups of {g} does not exist; use groups of 32, 64 or 128.",
            QuantizationMode.Affine => null,
            _ when b != defaultBits => $"Mode {s_modeNames[(int)mode]} with {b} bits does not exist; it always has {defaultBits}.",
            _ when g != defaultGroup => $"Mode {s_modeNames[(int)mode]} in groups of {g} does not exist; its groups are always {defaultGroup}.",
            _ => null,
        };
        if (fault is not null)
        {
            return false;
        }

        format = new QuantizationFormat(mode, b, g);
        return true;
    }

    /// <summary>The mode a config names.</summary>
    /// <param name="name">"affine", "mxfp4", "nvfp4" or "mxfp8".</param>
    /// <param name="mode">The mode, when there is one.</param>
    /// <returns>Whether the name is a mode.</returns>
    public static bool TryParseMode(string? name, out QuantizationMode mode)
    {
        int index = Array.IndexOf(s_modeNames, name);
        mode = (QuantizationMode)Math.Max(index, 0);
        return index >= 0;
    }

    /// <summary>The format that the shapes of a module's tensors imply: <c>bits = 32 · words / columns</c>, <c>group = columns / scales</c>.</summary>
    /// <param name="columns">Inputs of the matrix.</param>
    /// <param name="words">32-bit words per row of <c>.weight</c>.</param>
    /// <param name="scales">Scales per row of <c>.scales</c>.</param>
    /// <param name="scaleType">Element type of <c>.scales</c>: U8 for the floating-point modes.</param>
    /// <param name="format">The format, when the shapes imply one.</param>
    /// <param name="fault">One sentence, when they do not.</param>
    /// <returns>Whether the shapes fit a format.</returns>
    public static bool TryDerive(
        long columns, long words, long scales, ElementType scaleType,
        [NotNullWhen(true)] out QuantizationFormat? format, [NotNullWhen(false)] out string? fault)
    {
        format = null;
        if (columns <= 0 || words <= 0 || scales <= 0 || words > columns)
        {
            fault = $"{words} words and {scales} scales per row cannot hold {columns} columns.";
            return false;
        }

        if (words * 32 % columns != 0)
        {
            fault = $"{words} words per row are {words * 32} bits, no whole number of bits for each of {columns} columns.";
            return false;
        }

        if (columns % scales != 0)
        {
            fault = $"{scales} scales per row do not divide {columns} columns into equal groups.";
            return false;
        }

        long bits = words * 32 / columns, group = columns / scales;
        QuantizationMode mode = scaleType switch
        {
            not (ElementType.U8 or ElementType.F8E8M0 or ElementType.F8E4M3) => QuantizationMode.Affine,
            _ when bits == 8 => QuantizationMode.MxFp8,
            _ when group == 16 => QuantizationMode.NvFp4,
            _ => QuantizationMode.MxFp4,
        };
        return TryCreate(mode, (int)bits, (int)Math.Min(group, int.MaxValue), out format, out fault);
    }

    /// <summary>32-bit words of a row of <c>.weight</c>.</summary>
    /// <param name="columns">Inputs of the matrix, a multiple of <see cref="GroupSize"/>.</param>
    /// <returns><c>columns · bits / 32</c>.</returns>
    public int WordsPerRow(int columns) => checked((int)((long)columns * Bits / 32));

    /// <summary>Scales of a row.</summary>
    /// <param name="columns">Inputs of the matrix, a multiple of <see cref="GroupSize"/>.</param>
    /// <returns><c>columns / group</c>.</returns>
    public int GroupsPerRow(int columns) => columns / GroupSize;

    /// <summary>Whether rows of this many inputs can be quantised so.</summary>
    /// <param name="columns">Inputs of the matrix.</param>
    /// <returns>Whether they are whole groups and whole 32-bit words.</returns>
    public bool Fits(long columns) => columns > 0 && columns % GroupSize == 0 && columns * Bits % 32 == 0;

    /// <summary><see cref="Name"/>.</summary>
    /// <returns>The short name.</returns>
    public override string ToString() => Name;
}

/// <summary>How the codes of a quantised matrix stand for numbers.</summary>
public enum QuantizationMode
{
    /// <summary><c>w = scale · q + bias</c>, q an unsigned integer of 2, 3, 4, 5, 6 or 8 bits.</summary>
    Affine,

    /// <summary><c>w = 2^(s−127) · e2m1(q)</c>, groups of 32 (OCP microscaling).</summary>
    MxFp4,

    /// <summary><c>w = e4m3(s) · e2m1(q)</c>, groups of 16.</summary>
    NvFp4,

    /// <summary><c>w = 2^(s−127) · e4m3(q)</c>, groups of 32 (OCP microscaling).</summary>
    MxFp8,
}

/// <summary>A combination of mode, bits, group size and matrix that no quantised file can hold.</summary>
/// <param name="message">One sentence: the value found, the value needed, the way out.</param>
public sealed class QuantizationFormatException(string message) : Exception(message);
