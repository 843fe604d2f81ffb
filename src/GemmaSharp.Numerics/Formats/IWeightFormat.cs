using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Formats;

/// <summary>A stored floating-point form of one weight each, read by kernels where it lies.</summary>
internal unsafe interface IWeightFormat
{
    /// <summary>Name in reports: "bf16", "f16", "f32".</summary>
    static abstract string Name { get; }

    /// <summary>Bytes of one weight.</summary>
    static abstract int Size { get; }

    /// <summary>Reads one vector of weights as float32; exact, no alignment needed.</summary>
    static abstract TVector Load<TVector>(byte* source)
        where TVector : struct, IVector<TVector>;
}
