using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>How the integer product takes packed codes apart: one struct per code layout.</summary>
interface IQuantizedCodes
{
    /// <summary>Bits of a packed code.</summary>
    static abstract int Bits { get; }

    /// <summary>Codes whose products end in one 32-bit lane of a block: 8, or 4 when activations have 16 bits.</summary>
    static abstract int CodesPerLane { get; }

    /// <summary>Bytes of a quantised activation: 1 or 2.</summary>
    static abstract int ActivationBytes { get; }

    /// <summary>Consecutive codes that go to the same of the two vectors of a block: 1 or 8.</summary>
    static abstract int Unit { get; }

    /// <summary>The two vectors of a block.</summary>
    static abstract unsafe void Unpack<TLanes, TFloat>(byte* source, out TLanes even, out TLanes odd)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat>;

    /// <summary>Sums of products per lane.</summary>
    static abstract TFloat Dot<TLanes, TFloat>(TLanes even, TLanes odd, TLanes evenX, TLanes oddX)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat>;
}

/// <summary>Integer codes of four bits.</summary>
readonly struct QuantizedNibbles : IQuantizedCodes
{
    public static int Bits
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 4;
    }

    public static int CodesPerLane
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 8;
    }

    public static int ActivationBytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 1;
    }

    public static int Unit
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void Unpack<TLanes, TFloat>(byte* source, out TLanes even, out TLanes odd)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => TLanes.Nibbles(source, out even, out odd);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TFloat Dot<TLanes, TFloat>(TLanes even, TLanes odd, TLanes evenX, TLanes oddX)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => TLanes.Dot8(even, odd, evenX, oddX);
}

/// <summary>E2M1 codes as the integers <c>2 · value + 12</c>, 0 … 24.</summary>
readonly struct QuantizedFp4 : IQuantizedCodes
{
    /// <summary><c>2 · value + 12</c> of each code.</summary>
    public static ReadOnlySpan<byte> Integers => [12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0];

    public static int Bits
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 4;
    }

    public static int CodesPerLane
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 8;
    }

    public static int ActivationBytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 1;
    }

    public static int Unit
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void Unpack<TLanes, TFloat>(byte* source, out TLanes even, out TLanes odd)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat>
    {
        // The table is static data of the assembly, which never moves.
        TLanes table = TLanes.Repeat((byte*)Unsafe.AsPointer(ref Unsafe.AsRef(in Integers[0])));
        TLanes.Nibbles(source, out even, out odd);
        even = TLanes.Lookup(table, even);
        odd = TLanes.Lookup(table, odd);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TFloat Dot<TLanes, TFloat>(TLanes even, TLanes odd, TLanes evenX, TLanes oddX)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => TLanes.Dot8(even, odd, evenX, oddX);
}

/// <summary>Integer codes of a width at which they cross bytes, and of two bits: eight codes are as many bytes as one has bits.</summary>
readonly struct QuantizedOctets<TWidth> : IQuantizedCodes
    where TWidth : struct, ICodeWidth
{
    public static int Bits
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TWidth.Bits;
    }

    public static int CodesPerLane
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 8;
    }

    public static int ActivationBytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 1;
    }

    public static int Unit
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 8;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void Unpack<TLanes, TFloat>(byte* source, out TLanes even, out TLanes odd)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => TLanes.Octets(source, TWidth.Bits, out even, out odd);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TFloat Dot<TLanes, TFloat>(TLanes even, TLanes odd, TLanes evenX, TLanes oddX)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => TLanes.Dot8(even, odd, evenX, oddX);
}

/// <summary>Bits of a packed code as a type, so that shifts and masks are constants to the compiler.</summary>
interface ICodeWidth
{
    /// <summary>The number of bits.</summary>
    static abstract int Bits { get; }
}

/// <summary>2 bits.</summary>
readonly struct TwoBits : ICodeWidth
{
    public static int Bits
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 2;
    }
}

/// <summary>3 bits.</summary>
readonly struct ThreeBits : ICodeWidth
{
    public static int Bits
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 3;
    }
}

/// <summary>5 bits.</summary>
readonly struct FiveBits : ICodeWidth
{
    public static int Bits
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 5;
    }
}

/// <summary>6 bits.</summary>
readonly struct SixBits : ICodeWidth
{
    public static int Bits
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 6;
    }
}

/// <summary>Integer codes of eight bits, with 16-bit activations.</summary>
readonly struct QuantizedBytes : IQuantizedCodes
{
    public static int Bits
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 8;
    }

    public static int CodesPerLane
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 4;
    }

    public static int ActivationBytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 2;
    }

    public static int Unit
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void Unpack<TLanes, TFloat>(byte* source, out TLanes even, out TLanes odd)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => TLanes.Bytes16(source, out even, out odd);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TFloat Dot<TLanes, TFloat>(TLanes even, TLanes odd, TLanes evenX, TLanes oddX)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => TLanes.Dot16(even, odd, evenX, oddX);
}
