using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary><c>x / √(mean(x²) + ε) ⊙ weight</c></summary>
/// <remarks>The sum of squares is accumulated in float32 vector lanes. Safe from any number of threads.</remarks>
static class RmsNormKernel
{
    /// <summary>Normalises one row.</summary>
    /// <param name="x"><c>[n]</c></param>
    /// <param name="weight"><c>[n]</c>, or empty for none.</param>
    /// <param name="eps">ε, added to the mean of squares.</param>
    /// <param name="destination"><c>[n]</c>; may be <paramref name="x"/>.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void Apply(ReadOnlySpan<float> x, ReadOnlySpan<float> weight, float eps, Span<float> destination)
    {
        float scale = 1f / MathF.Sqrt(VectorMath.SumOfSquares(x) / x.Length + eps);
        if (weight.IsEmpty)
        {
            VectorMath.Scale(x, scale, destination);
        }
        else
        {
            Elementwise.Apply(x, weight, new ScaleMultiplyOperator(scale), destination);
        }
    }

    /// <summary><c>(s · x) · y</c></summary>
    internal readonly struct ScaleMultiplyOperator(float s) : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Invoke<TVector>(TVector x, TVector y)
            where TVector : struct, IVector<TVector> => TVector.Create(s) * x * y;
    }
}
