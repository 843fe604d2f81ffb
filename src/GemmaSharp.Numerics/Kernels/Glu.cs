using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>The gated linear unit: the first half of a row, gated by the sigmoid of the second.</summary>
/// <remarks>Safe from any number of threads.</remarks>
public static class Glu
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
