using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Formats;

/// <summary>Weights stored as bfloat16.</summary>
internal readonly unsafe struct BFloat16Weights : IWeightFormat
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
