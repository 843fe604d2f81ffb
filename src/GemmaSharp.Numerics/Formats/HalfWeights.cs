using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Formats;

/// <summary>Weights stored as IEEE half.</summary>
internal readonly unsafe struct HalfWeights : IWeightFormat
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
