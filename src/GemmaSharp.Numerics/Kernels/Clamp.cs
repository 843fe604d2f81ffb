using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>Keeps values within a bound on both sides.</summary>
/// <remarks>Safe from any number of threads.</remarks>
public static class Clamp
{
    /// <summary><c>min(max(x, −bound), bound)</c></summary>
    /// <param name="x"><c>[n]</c>; NaN stays NaN.</param>
    /// <param name="bound">The largest magnitude, at least 0.</param>
    /// <param name="destination"><c>[n]</c>; may be <paramref name="x"/>.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void Apply(ReadOnlySpan<float> x, float bound, Span<float> destination) =>
        Elementwise.Apply(x, new Operator(bound), destination);

    /// <summary><c>min(max(x, −bound), bound)</c></summary>
    internal readonly struct Operator(float bound) : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Invoke<TVector>(TVector x)
            where TVector : struct, IVector<TVector> =>
            TVector.Min(TVector.Create(bound), TVector.Max(TVector.Create(-bound), x));
    }
}
