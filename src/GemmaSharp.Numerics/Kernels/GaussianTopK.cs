using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>Activation sparsity: keeps what lies above a quantile of the normal distribution fitted to the row.</summary>
/// <remarks>Safe from any number of threads.</remarks>
public static class GaussianTopK
{
    /// <summary><c>max(0, x − (μ + σ · z))</c> with mean μ and population deviation σ of <paramref name="x"/>.</summary>
    /// <param name="x"><c>[n]</c></param>
    /// <param name="z">Standard normal quantile of the share that is dropped: 1.6449 for 0.95.</param>
    /// <param name="destination"><c>[n]</c>; may be <paramref name="x"/>.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void Apply(ReadOnlySpan<float> x, float z, Span<float> destination)
    {
        VectorMath.MeanAndDeviation(x, out float mean, out float deviation);
        Elementwise.Apply(x, new Operator(mean + deviation * z), destination);
    }

    /// <summary><c>max(0, x − cut)</c></summary>
    internal readonly struct Operator(float cut) : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Invoke<TVector>(TVector x)
            where TVector : struct, IVector<TVector> => TVector.Max(TVector.Zero, x - TVector.Create(cut));
    }
}
