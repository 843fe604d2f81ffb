using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>One tap of a depthwise convolution: a product added to what is there.</summary>
/// <remarks>Safe from any number of threads.</remarks>
static unsafe class MultiplyAccumulate
{
    /// <summary><c>destination + x ⊙ y</c></summary>
    /// <param name="x"><c>[n]</c></param>
    /// <param name="y"><c>[n]</c></param>
    /// <param name="destination"><c>[n]</c>, read and written.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void Apply(ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> destination) =>
        Widest.Run(new Kernel(x, y, destination));

    /// <summary><c>destination + x ⊙ y</c> at a given width.</summary>
    internal static void Apply<TVector>(ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> destination)
        where TVector : struct, IVector<TVector>
    {
        Elementwise.CheckLength(x.Length, y.Length, nameof(y));
        Elementwise.CheckLength(x.Length, destination.Length, nameof(destination));
        nuint count = (nuint)x.Length;
        nuint width = (nuint)TVector.Count;
        fixed (float* px = x)
        fixed (float* py = y)
        fixed (float* pd = destination)
        {
            nuint i = 0;
            for (; i + width <= count; i += width)
            {
                TVector.Store(TVector.MultiplyAdd(TVector.Load(px + i), TVector.Load(py + i), TVector.Load(pd + i)), pd + i);
            }
            if (i < count)
            {
                nuint left = count - i;
                TVector last = TVector.MultiplyAdd(
                    VectorTail.Load<TVector>(px + i, left),
                    VectorTail.Load<TVector>(py + i, left),
                    VectorTail.Load<TVector>(pd + i, left));
                VectorTail.Store(last, pd + i, left);
            }
        }
    }

    /// <summary>The loop over a row.</summary>
    internal readonly ref struct Kernel(ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> destination) : IWidthKernel
    {
        readonly ReadOnlySpan<float> _x = x;
        readonly ReadOnlySpan<float> _y = y;
        readonly Span<float> _destination = destination;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TVector>()
            where TVector : struct, IVector<TVector> => Apply<TVector>(_x, _y, _destination);
    }
}
