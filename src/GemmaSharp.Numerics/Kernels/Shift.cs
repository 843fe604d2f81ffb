using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>Moves all values by the same amount.</summary>
/// <remarks>Safe from any number of threads.</remarks>
public static class Shift
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
