using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>How the integer product takes the codes of a block apart: one struct for each of <see cref="PackedCodes"/>.</summary>
/// <remarks>Eight columns at a time, numbered through the block: <c>First</c> gives the first four of them, <c>Second</c> the others.</remarks>
unsafe interface IPackedCodes
{
    /// <summary>Lines of 32 columns.</summary>
    static abstract int Lines { get; }

    /// <summary>Bytes of an activation: 1 or 2.</summary>
    static abstract int ActivationBytes { get; }

    /// <summary>Eights of columns whose sums in 16 bits cannot overflow: 1, 2 or 4.</summary>
    static abstract int EightsPerSum { get; }

    /// <summary>Unsigned numbers of the first four columns.</summary>
    static abstract TLanes First<TLanes, TFloat>(byte* codes, int eight)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat>;

    /// <summary>Unsigned numbers of the last four columns.</summary>
    static abstract TLanes Second<TLanes, TFloat>(byte* codes, int eight)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat>;
}

/// <summary><see cref="PackedCodes.Two"/>: 16 · 3 · 127 = 6,096 in 16 bits after 32 columns.</summary>
readonly unsafe struct TwoBitCodes : IPackedCodes
{
    public static int Lines => 2;

    public static int ActivationBytes => 1;

    public static int EightsPerSum => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes First<TLanes, TFloat>(byte* codes, int eight)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => Plane.Twos<TLanes, TFloat>(codes + (eight >> 1) * PackedForm.LineBytes, 2 * (eight & 1));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Second<TLanes, TFloat>(byte* codes, int eight)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => Plane.Twos<TLanes, TFloat>(codes + (eight >> 1) * PackedForm.LineBytes, 2 * (eight & 1) + 1);
}

/// <summary><see cref="PackedCodes.Three"/>: 16 · 7 · 127 = 14,224 in 16 bits after 32 columns.</summary>
readonly unsafe struct ThreeBitCodes : IPackedCodes
{
    public static int Lines => 3;

    public static int ActivationBytes => 1;

    public static int EightsPerSum => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes First<TLanes, TFloat>(byte* codes, int eight)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => Four<TLanes, TFloat>(codes + (eight >> 2) * (3 * PackedForm.LineBytes), 2 * (eight & 3));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Second<TLanes, TFloat>(byte* codes, int eight)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => Four<TLanes, TFloat>(codes + (eight >> 2) * (3 * PackedForm.LineBytes), 2 * (eight & 3) + 1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static TLanes Four<TLanes, TFloat>(byte* span, int four)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => TLanes.Join(
            Plane.Twos<TLanes, TFloat>(span + (four >> 2) * PackedForm.LineBytes, four & 3),
            TLanes.Field(TLanes.Load(span + 2 * PackedForm.LineBytes), four, 1),
            2);
}

/// <summary><see cref="PackedCodes.Four"/>: 16 · 15 · 127 = 30,480 in 16 bits after 32 columns.</summary>
readonly unsafe struct FourBitCodes : IPackedCodes
{
    public static int Lines => 4;

    public static int ActivationBytes => 1;

    public static int EightsPerSum => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes First<TLanes, TFloat>(byte* codes, int eight)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => TLanes.Field(TLanes.Load(codes + eight * PackedForm.LineBytes), 0, 15);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Second<TLanes, TFloat>(byte* codes, int eight)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => TLanes.Field(TLanes.Load(codes + eight * PackedForm.LineBytes), 4, 15);
}

/// <summary><see cref="PackedCodes.Five"/>: 8 · 31 · 127 = 31,496 in 16 bits after 16 columns.</summary>
readonly unsafe struct FiveBitCodes : IPackedCodes
{
    public static int Lines => 5;

    public static int ActivationBytes => 1;

    public static int EightsPerSum => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes First<TLanes, TFloat>(byte* codes, int eight)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => Four<TLanes, TFloat>(codes + (eight >> 2) * (5 * PackedForm.LineBytes), eight & 3, 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Second<TLanes, TFloat>(byte* codes, int eight)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => Four<TLanes, TFloat>(codes + (eight >> 2) * (5 * PackedForm.LineBytes), eight & 3, 1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static TLanes Four<TLanes, TFloat>(byte* span, int line, int half)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => TLanes.Join(
            TLanes.Field(TLanes.Load(span + line * PackedForm.LineBytes), 4 * half, 15),
            TLanes.Field(TLanes.Load(span + 4 * PackedForm.LineBytes), 2 * line + half, 1),
            4);
}

/// <summary><see cref="PackedCodes.Six"/>: 4 · 63 · 127 = 32,004 in 16 bits after 8 columns.</summary>
readonly unsafe struct SixBitCodes : IPackedCodes
{
    public static int Lines => 6;

    public static int ActivationBytes => 1;

    public static int EightsPerSum => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes First<TLanes, TFloat>(byte* codes, int eight)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => Four<TLanes, TFloat>(codes + (eight >> 2) * (6 * PackedForm.LineBytes), eight & 3, 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Second<TLanes, TFloat>(byte* codes, int eight)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => Four<TLanes, TFloat>(codes + (eight >> 2) * (6 * PackedForm.LineBytes), eight & 3, 1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static TLanes Four<TLanes, TFloat>(byte* span, int line, int half)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => TLanes.Join(
            TLanes.Field(TLanes.Load(span + line * PackedForm.LineBytes), 4 * half, 15),
            Plane.Twos<TLanes, TFloat>(span + (4 + (line >> 1)) * PackedForm.LineBytes, 2 * (line & 1) + half),
            4);
}

/// <summary><see cref="PackedCodes.Eight"/>, summed in 32 bits.</summary>
readonly unsafe struct EightBitCodes : IPackedCodes
{
    public static int Lines => 8;

    public static int ActivationBytes => 2;

    public static int EightsPerSum => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes First<TLanes, TFloat>(byte* codes, int eight)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => TLanes.Load(codes + eight * (2 * PackedForm.LineBytes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Second<TLanes, TFloat>(byte* codes, int eight)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => TLanes.Load(codes + eight * (2 * PackedForm.LineBytes) + PackedForm.LineBytes);
}

/// <summary><see cref="PackedCodes.Fp4"/>: 8 · 24 · 127 = 24,384 in 16 bits after 16 columns.</summary>
readonly unsafe struct Fp4Codes : IPackedCodes
{
    /// <summary><c>2 · value + 12</c> of each code.</summary>
    public static ReadOnlySpan<byte> Integers => [12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0];

    public static int Lines => 4;

    public static int ActivationBytes => 1;

    public static int EightsPerSum => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes First<TLanes, TFloat>(byte* codes, int eight)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => TLanes.Lookup(Plane.Table(Integers), FourBitCodes.First<TLanes, TFloat>(codes, eight));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Second<TLanes, TFloat>(byte* codes, int eight)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => TLanes.Lookup(Plane.Table(Integers), FourBitCodes.Second<TLanes, TFloat>(codes, eight));
}

/// <summary><see cref="PackedCodes.Uneven"/>, summed in 32 bits.</summary>
readonly unsafe struct UnevenCodes : IPackedCodes
{
    /// <summary><c>level + 128</c> of each code.</summary>
    public static ReadOnlySpan<byte> Integers => [1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241];

    public static int Lines => 4;

    public static int ActivationBytes => 2;

    public static int EightsPerSum => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes First<TLanes, TFloat>(byte* codes, int eight)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => TLanes.Lookup(Plane.Table(Integers), FourBitCodes.First<TLanes, TFloat>(codes, eight));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Second<TLanes, TFloat>(byte* codes, int eight)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => TLanes.Lookup(Plane.Table(Integers), FourBitCodes.Second<TLanes, TFloat>(codes, eight));
}

/// <summary>Parts that several forms of codes share.</summary>
static unsafe class Plane
{
    /// <summary>One of the four fours of a line of two-bit fields.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Twos<TLanes, TFloat>(byte* line, int four)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => TLanes.Field(TLanes.Load(line), 2 * four, 3);

    /// <summary>The address of static data of the assembly, which never moves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* Table(ReadOnlySpan<byte> data) => (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(data));
}
