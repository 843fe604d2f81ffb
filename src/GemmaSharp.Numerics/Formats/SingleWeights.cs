using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Formats;

/// <summary>Weights stored as float32.</summary>
internal readonly unsafe struct SingleWeights : IWeightFormat
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
