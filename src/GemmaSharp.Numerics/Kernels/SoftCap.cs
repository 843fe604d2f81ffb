using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>Soft capping: values stay inside <c>±cap</c>, small ones almost unchanged.</summary>
/// <remarks>Safe from any number of threads.</remarks>
public static class SoftCap
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
