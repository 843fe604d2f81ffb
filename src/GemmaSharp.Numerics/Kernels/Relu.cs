using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>The rectified linear unit.</summary>
/// <remarks>Safe from any number of threads.</remarks>
public static class Relu
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
