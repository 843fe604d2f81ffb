using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>Integer codes of three bits.</summary>
readonly struct QuantizedThreeBits : IQuantizedCodes
{
    public static int Bits
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 3;
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
        where TFloat : struct, IVector<TFloat> => TLanes.Octets(source, 3, out even, out odd);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TFloat Dot<TLanes, TFloat>(TLanes even, TLanes odd, TLanes evenX, TLanes oddX)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => TLanes.Dot8(even, odd, evenX, oddX);
}
