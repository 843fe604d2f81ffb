using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

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
