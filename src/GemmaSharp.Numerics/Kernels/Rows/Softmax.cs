using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary><c>e^(x − max x) / Σ e^(x − max x)</c></summary>
/// <remarks>Safe from any number of threads.</remarks>
static unsafe class Softmax
{
    /// <summary>Replaces a row by its softmax.</summary>
    /// <param name="x"><c>[n]</c>; −∞ gives 0. A row of −∞ alone, or with NaN, gives NaN.</param>
    public static void Apply(Span<float> x) =>
        Widest.Run(new Kernel(x));

    /// <summary>Softmax at a given width.</summary>
    internal static void Apply<TVector>(Span<float> x)
        where TVector : struct, IVector<TVector>
    {
        float max = Reduction.Apply<VectorMath.MaxReduction, TVector>(x, x, default);
        nuint count = (nuint)x.Length;
        nuint width = (nuint)TVector.Count;
        TVector sum = TVector.Zero;
        fixed (float* p = x)
        {
            TVector shift = TVector.Create(max);
            nuint i = 0;
            for (; i + width <= count; i += width)
            {
                TVector e = VectorFunctions.Exp(TVector.Load(p + i) - shift);
                sum += e;
                TVector.Store(e, p + i);
            }
            if (i < count)
            {
                TVector e = VectorFunctions.Exp(
                    VectorTail.Load<TVector>(p + i, count - i, float.NegativeInfinity) - shift);
                sum += e;
                VectorTail.Store(e, p + i, count - i);
            }
        }
        Elementwise.Apply<VectorMath.ScaleOperator, TVector>(x, new(1f / TVector.Sum(sum)), x);
    }

    /// <summary>The passes over a row.</summary>
    internal readonly ref struct Kernel(Span<float> x) : IWidthKernel
    {
        readonly Span<float> _x = x;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TVector>()
            where TVector : struct, IVector<TVector> => Apply<TVector>(_x);
    }
}
