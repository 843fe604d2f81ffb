using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Formats;

/// <summary>A stored floating-point form of one weight each, read by kernels where it lies.</summary>
unsafe interface IWeightFormat
{
    /// <summary>Name in reports: "bf16", "f16", "f32".</summary>
    static abstract string Name { get; }

    /// <summary>Bytes of one weight.</summary>
    static abstract int Size { get; }

    /// <summary>Reads one vector of weights as float32; exact, no alignment needed.</summary>
    static abstract TVector Load<TVector>(byte* source)
        where TVector : struct, IVector<TVector>;
}

/// <summary>Weights stored as bfloat16.</summary>
readonly unsafe struct BFloat16Weights : IWeightFormat
{
    public static string Name => "bf16";

    public static int Size
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 2;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TVector>(byte* source)
        where TVector : struct, IVector<TVector> => TVector.LoadBFloat16((ushort*)source);
}

/// <summary>Weights stored as IEEE half.</summary>
readonly unsafe struct HalfWeights : IWeightFormat
{
    public static string Name => "f16";

    public static int Size
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 2;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TVector>(byte* source)
        where TVector : struct, IVector<TVector> => TVector.LoadHalf((ushort*)source);
}

/// <summary>Weights stored as float32.</summary>
readonly unsafe struct SingleWeights : IWeightFormat
{
    public static string Name => "f32";

    public static int Size
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 4;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TVector>(byte* source)
        where TVector : struct, IVector<TVector> => TVector.Load((float*)source);
}
