using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>Keeps values within a bound on both sides.</summary>
/// <remarks>Safe from any number of threads.</remarks>
static class Clamp
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

/// <summary>Moves all values by the same amount.</summary>
/// <remarks>Safe from any number of threads.</remarks>
static class Shift
{
    /// <summary><c>x + s</c></summary>
    /// <param name="x"><c>[n]</c></param>
    /// <param name="s">The amount.</param>
    /// <param name="destination"><c>[n]</c>; may be <paramref name="x"/>.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void Apply(ReadOnlySpan<float> x, float s, Span<float> destination) =>
        Elementwise.Apply(x, new Operator(s), destination);

    /// <summary><c>x + s</c></summary>
    internal readonly struct Operator(float s) : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Invoke<TVector>(TVector x)
            where TVector : struct, IVector<TVector> => x + TVector.Create(s);
    }
}

/// <summary>The rectified linear unit.</summary>
/// <remarks>Safe from any number of threads.</remarks>
static class Relu
{
    /// <summary><c>max(0, x)</c></summary>
    /// <param name="x"><c>[n]</c>; NaN stays NaN.</param>
    /// <param name="destination"><c>[n]</c>; may be <paramref name="x"/>.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void Apply(ReadOnlySpan<float> x, Span<float> destination) =>
        Elementwise.Apply(x, default(Operator), destination);

    /// <summary><c>max(0, x)</c></summary>
    internal readonly struct Operator : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Invoke<TVector>(TVector x)
            where TVector : struct, IVector<TVector> => TVector.Max(TVector.Zero, x);
    }
}

/// <summary>The sigmoid linear unit, also called swish: <c>x · sigmoid(x)</c></summary>
/// <remarks>Safe from any number of threads.</remarks>
static class Silu
{
    /// <summary><c>x / (1 + e^−x)</c></summary>
    /// <param name="x"><c>[n]</c></param>
    /// <param name="destination"><c>[n]</c>; may be <paramref name="x"/>.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void Apply(ReadOnlySpan<float> x, Span<float> destination) =>
        Elementwise.Apply(x, default(Operator), destination);

    /// <summary><c>x · sigmoid(x)</c></summary>
    internal readonly struct Operator : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Invoke<TVector>(TVector x)
            where TVector : struct, IVector<TVector> => x * VectorFunctions.Sigmoid(x);
    }
}

/// <summary>The gated linear unit: the first half of a row, gated by the sigmoid of the second.</summary>
/// <remarks>Safe from any number of threads.</remarks>
static class Glu
{
    /// <summary><c>x[..n] · sigmoid(x[n..])</c></summary>
    /// <param name="x"><c>[2n]</c></param>
    /// <param name="destination"><c>[n]</c>; may be the first or second half of <paramref name="x"/>.</param>
    /// <exception cref="ArgumentException"><paramref name="x"/> is not twice as long as <paramref name="destination"/>.</exception>
    public static void Apply(ReadOnlySpan<float> x, Span<float> destination)
    {
        Elementwise.CheckLength(2 * destination.Length, x.Length, nameof(x));
        Elementwise.Apply(x[..destination.Length], x[destination.Length..], default(Operator), destination);
    }

    /// <summary><c>x · sigmoid(y)</c></summary>
    internal readonly struct Operator : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Invoke<TVector>(TVector x, TVector y)
            where TVector : struct, IVector<TVector> => x * VectorFunctions.Sigmoid(y);
    }
}

/// <summary>The Gaussian error linear unit in its tanh form: <c>½x · (1 + tanh(√(2/π) · (x + 0.044715 x³)))</c></summary>
/// <remarks>
/// Computed as <c>x · sigmoid(2√(2/π) · (x + 0.044715 x³))</c>, which is the same and loses no digits for negative x.
/// Safe from any number of threads.
/// </remarks>
static class Gelu
{
    /// <summary><c>gelu_tanh(x)</c></summary>
    /// <param name="x"><c>[n]</c></param>
    /// <param name="destination"><c>[n]</c>; may be <paramref name="x"/>.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void Tanh(ReadOnlySpan<float> x, Span<float> destination) =>
        Elementwise.Apply(x, default(TanhOperator), destination);

    /// <summary><c>gelu_tanh(gate) ⊙ up</c></summary>
    /// <param name="gate"><c>[n]</c></param>
    /// <param name="up"><c>[n]</c></param>
    /// <param name="destination"><c>[n]</c>; may be one of the inputs.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void TanhMultiply(ReadOnlySpan<float> gate, ReadOnlySpan<float> up, Span<float> destination) =>
        Elementwise.Apply(gate, up, default(TanhMultiplyOperator), destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static TVector Evaluate<TVector>(TVector x)
        where TVector : struct, IVector<TVector>
    {
        // 2√(2/π) and 2√(2/π) · 0.044715
        TVector slope = TVector.MultiplyAdd(x * x, TVector.Create(0.0713548162726f), TVector.Create(1.59576912161f));
        return x * VectorFunctions.Sigmoid(x * slope);
    }

    /// <summary><c>gelu_tanh(x)</c></summary>
    internal readonly struct TanhOperator : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Invoke<TVector>(TVector x)
            where TVector : struct, IVector<TVector> => Evaluate(x);
    }

    /// <summary><c>gelu_tanh(x) · y</c></summary>
    internal readonly struct TanhMultiplyOperator : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Invoke<TVector>(TVector x, TVector y)
            where TVector : struct, IVector<TVector> => Evaluate(x) * y;
    }
}

/// <summary>The hyperbolic tangent.</summary>
/// <remarks>Safe from any number of threads.</remarks>
static class Tanh
{
    /// <summary><c>tanh x</c></summary>
    /// <param name="x"><c>[n]</c></param>
    /// <param name="destination"><c>[n]</c>; may be <paramref name="x"/>.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void Apply(ReadOnlySpan<float> x, Span<float> destination) =>
        Elementwise.Apply(x, default(Operator), destination);

    /// <summary><c>tanh x</c></summary>
    internal readonly struct Operator : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Invoke<TVector>(TVector x)
            where TVector : struct, IVector<TVector> => VectorFunctions.Tanh(x);
    }
}

/// <summary>Soft capping: values stay inside <c>±cap</c>, small ones almost unchanged.</summary>
/// <remarks>Safe from any number of threads.</remarks>
static class SoftCap
{
    /// <summary><c>cap · tanh(x / cap)</c></summary>
    /// <param name="x"><c>[n]</c></param>
    /// <param name="cap">The bound, above 0.</param>
    /// <param name="destination"><c>[n]</c>; may be <paramref name="x"/>.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void Apply(ReadOnlySpan<float> x, float cap, Span<float> destination) =>
        Elementwise.Apply(x, new Operator(cap), destination);

    /// <summary><c>cap · tanh(x / cap)</c></summary>
    internal readonly struct Operator(float cap) : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Invoke<TVector>(TVector x)
            where TVector : struct, IVector<TVector> =>
            TVector.Create(cap) * VectorFunctions.Tanh(x / TVector.Create(cap));
    }
}

/// <summary>Activation sparsity: keeps what lies above a quantile of the normal distribution fitted to the row.</summary>
/// <remarks>Safe from any number of threads.</remarks>
static class GaussianTopK
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
