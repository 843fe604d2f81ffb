using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

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
