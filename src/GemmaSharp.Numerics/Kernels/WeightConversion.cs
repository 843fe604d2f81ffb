using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>Stored weights to float32; exact.</summary>
internal static unsafe class WeightConversion
{
    /// <summary>Converts <c>[n]</c> stored weights.</summary>
    /// <param name="source">At least n · size bytes.</param>
    /// <param name="destination"><c>[n]</c>.</param>
    public static void ToSingles<TFormat>(ReadOnlySpan<byte> source, Span<float> destination)
        where TFormat : struct, IWeightFormat
    {
        if (source.Length < (long)destination.Length * TFormat.Size)
        {
            throw new ArgumentException(
                $"The source has {source.Length} bytes; {destination.Length} weights of {TFormat.Name} need {(long)destination.Length * TFormat.Size}.",
                nameof(source));
        }
        fixed (byte* from = source)
        fixed (float* to = destination)
        {
            ToSingles<TFormat>(from, (nuint)destination.Length, to);
        }
    }

    /// <summary>Converts <paramref name="count"/> stored weights.</summary>
    public static void ToSingles<TFormat>(byte* source, nuint count, float* destination)
        where TFormat : struct, IWeightFormat =>
        Widest.Run(new Kernel<TFormat>(source, count, destination));

    /// <summary>Converts <paramref name="count"/> stored weights with vectors of a given width.</summary>
    internal static void ToSingles<TFormat, TVector>(byte* source, nuint count, float* destination)
        where TFormat : struct, IWeightFormat
        where TVector : struct, IVector<TVector>
    {
        nuint width = (nuint)TVector.Count;
        nuint size = (nuint)TFormat.Size;
        nuint i = 0;
        for (; i + width <= count; i += width)
        {
            TVector.Store(TFormat.Load<TVector>(source + i * size), destination + i);
        }
        for (; i < count; i++)
        {
            F32x1.Store(TFormat.Load<F32x1>(source + i * size), destination + i);
        }
    }

    /// <summary>The loop over stored weights.</summary>
    internal readonly struct Kernel<TFormat>(byte* source, nuint count, float* destination) : IWidthKernel
        where TFormat : struct, IWeightFormat
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TVector>()
            where TVector : struct, IVector<TVector> => ToSingles<TFormat, TVector>(source, count, destination);
    }
}
