using System.Runtime.CompilerServices;

namespace GemmaSharp.Numerics.Vectors;

/// <summary>Reads and writes the last few elements of a row as a padded vector, so that tails use the arithmetic of full vectors.</summary>
static unsafe class VectorTail
{
    const int MaxLanes = 16;

    /// <summary>The first <paramref name="count"/> lanes from <paramref name="source"/>, <paramref name="padding"/> in the rest.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static TVector Load<TVector>(float* source, nuint count, float padding = 0f)
        where TVector : struct, IVector<TVector>
    {
        float* buffer = stackalloc float[MaxLanes];
        TVector.Store(TVector.Create(padding), buffer);
        for (nuint i = 0; i < count; i++)
        {
            buffer[i] = source[i];
        }
        return TVector.Load(buffer);
    }

    /// <summary>Writes the first <paramref name="count"/> lanes.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Store<TVector>(TVector value, float* destination, nuint count)
        where TVector : struct, IVector<TVector>
    {
        float* buffer = stackalloc float[MaxLanes];
        TVector.Store(value, buffer);
        for (nuint i = 0; i < count; i++)
        {
            destination[i] = buffer[i];
        }
    }
}
