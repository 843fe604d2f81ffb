using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>The Gaussian error linear unit in its tanh form: <c>½x · (1 + tanh(√(2/π) · (x + 0.044715 x³)))</c></summary>
/// <remarks>
/// Computed as <c>x · sigmoid(2√(2/π) · (x + 0.044715 x³))</c>, which is the same and loses no digits for negative x.
/// Safe from any number of threads.
/// </remarks>
public static class Gelu
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
