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
