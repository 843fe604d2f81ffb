using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>Arithmetic on rows of float32.</summary>
/// <remarks>
/// Single-threaded; safe from any number of threads. <c>destination</c> may be one of the inputs, but not overlap one partly.
/// Sums are accumulated in float32 vector lanes; their last bits vary with the machine's vector width.
/// </remarks>
static class VectorMath
{
    /// <summary><c>x + y</c></summary>
    /// <param name="x"><c>[n]</c></param>
    /// <param name="y"><c>[n]</c></param>
    /// <param name="destination"><c>[n]</c></param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void Add(ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> destination) =>
        Elementwise.Apply(x, y, default(AddOperator), destination);

    /// <summary><c>x ⊙ y</c></summary>
    /// <param name="x"><c>[n]</c></param>
    /// <param name="y"><c>[n]</c></param>
    /// <param name="destination"><c>[n]</c></param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void Multiply(ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> destination) =>
        Elementwise.Apply(x, y, default(MultiplyOperator), destination);

    /// <summary><c>s · x</c></summary>
    /// <param name="x"><c>[n]</c></param>
    /// <param name="s">The factor.</param>
    /// <param name="destination"><c>[n]</c></param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void Scale(ReadOnlySpan<float> x, float s, Span<float> destination) =>
        Elementwise.Apply(x, new ScaleOperator(s), destination);

    /// <summary><c>s · x + y</c></summary>
    /// <param name="x"><c>[n]</c></param>
    /// <param name="s">The factor of x.</param>
    /// <param name="y"><c>[n]</c></param>
    /// <param name="destination"><c>[n]</c></param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void MultiplyAdd(ReadOnlySpan<float> x, float s, ReadOnlySpan<float> y, Span<float> destination) =>
        Elementwise.Apply(x, y, new MultiplyAddOperator(s), destination);

    /// <summary><c>Σ x[i] · y[i]</c></summary>
    /// <param name="x"><c>[n]</c></param>
    /// <param name="y"><c>[n]</c></param>
    /// <returns>The sum; 0 when n is 0.</returns>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static float Dot(ReadOnlySpan<float> x, ReadOnlySpan<float> y) => Reduction.Apply(x, y, default(DotReduction));

    /// <summary><c>Σ x[i]²</c></summary>
    /// <param name="x"><c>[n]</c></param>
    /// <returns>The sum; 0 when n is 0.</returns>
    public static float SumOfSquares(ReadOnlySpan<float> x) => Reduction.Apply(x, x, default(DotReduction));

    /// <summary><c>Σ x[i]</c></summary>
    /// <param name="x"><c>[n]</c></param>
    /// <returns>The sum; 0 when n is 0.</returns>
    public static float Sum(ReadOnlySpan<float> x) => Reduction.Apply(x, x, default(SumReduction));

    /// <summary><c>max x[i]</c></summary>
    /// <param name="x"><c>[n]</c>, without NaN.</param>
    /// <returns>The largest value; −∞ when n is 0.</returns>
    public static float Max(ReadOnlySpan<float> x) => Reduction.Apply(x, x, default(MaxReduction));

    /// <summary><c>μ = Σ x[i] / n</c>, <c>σ = √(Σ (x[i] − μ)² / n)</c></summary>
    /// <param name="x"><c>[n]</c></param>
    /// <param name="mean">μ; NaN when n is 0.</param>
    /// <param name="populationDeviation">σ; NaN when n is 0.</param>
    public static void MeanAndDeviation(ReadOnlySpan<float> x, out float mean, out float populationDeviation)
    {
        mean = Sum(x) / x.Length;
        populationDeviation = MathF.Sqrt(Reduction.Apply(x, x, new DeviationReduction(mean)) / x.Length);
    }

    /// <summary><c>x + y</c></summary>
    internal readonly struct AddOperator : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Invoke<TVector>(TVector x, TVector y)
            where TVector : struct, IVector<TVector> => x + y;
    }

    /// <summary><c>x · y</c></summary>
    internal readonly struct MultiplyOperator : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Invoke<TVector>(TVector x, TVector y)
            where TVector : struct, IVector<TVector> => x * y;
    }

    /// <summary><c>s · x</c></summary>
    internal readonly struct ScaleOperator(float s) : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Invoke<TVector>(TVector x)
            where TVector : struct, IVector<TVector> => TVector.Create(s) * x;
    }

    /// <summary><c>s · x + y</c></summary>
    internal readonly struct MultiplyAddOperator(float s) : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Invoke<TVector>(TVector x, TVector y)
            where TVector : struct, IVector<TVector> => TVector.MultiplyAdd(TVector.Create(s), x, y);
    }

    /// <summary><c>Σ x · y</c></summary>
    internal readonly struct DotReduction : IReduction
    {
        public float Initial => 0f;

        public float Padding => 0f;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Add<TVector>(TVector sum, TVector x, TVector y)
            where TVector : struct, IVector<TVector> => TVector.MultiplyAdd(x, y, sum);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Combine<TVector>(TVector left, TVector right)
            where TVector : struct, IVector<TVector> => left + right;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public float Finish<TVector>(TVector sum)
            where TVector : struct, IVector<TVector> => TVector.Sum(sum);
    }

    /// <summary><c>Σ x</c></summary>
    internal readonly struct SumReduction : IReduction
    {
        public float Initial => 0f;

        public float Padding => 0f;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Add<TVector>(TVector sum, TVector x, TVector y)
            where TVector : struct, IVector<TVector> => sum + x;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Combine<TVector>(TVector left, TVector right)
            where TVector : struct, IVector<TVector> => left + right;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public float Finish<TVector>(TVector sum)
            where TVector : struct, IVector<TVector> => TVector.Sum(sum);
    }

    /// <summary><c>Σ (x − mean)²</c></summary>
    internal readonly struct DeviationReduction(float mean) : IReduction
    {
        public float Initial => 0f;

        public float Padding => mean;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Add<TVector>(TVector sum, TVector x, TVector y)
            where TVector : struct, IVector<TVector>
        {
            TVector deviation = x - TVector.Create(mean);
            return TVector.MultiplyAdd(deviation, deviation, sum);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Combine<TVector>(TVector left, TVector right)
            where TVector : struct, IVector<TVector> => left + right;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public float Finish<TVector>(TVector sum)
            where TVector : struct, IVector<TVector> => TVector.Sum(sum);
    }

    /// <summary><c>max x</c></summary>
    internal readonly struct MaxReduction : IReduction
    {
        public float Initial => float.NegativeInfinity;

        public float Padding => float.NegativeInfinity;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Add<TVector>(TVector sum, TVector x, TVector y)
            where TVector : struct, IVector<TVector> => TVector.Max(sum, x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Combine<TVector>(TVector left, TVector right)
            where TVector : struct, IVector<TVector> => TVector.Max(left, right);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public float Finish<TVector>(TVector sum)
            where TVector : struct, IVector<TVector> => TVector.MaxLane(sum);
    }
}
