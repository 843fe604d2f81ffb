using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>A way to fold pairs of elements into one number.</summary>
interface IReduction
{
    /// <summary>What the lanes start from.</summary>
    float Initial { get; }

    /// <summary>An element of x that changes nothing; fills the last vector.</summary>
    float Padding { get; }

    TVector Add<TVector>(TVector sum, TVector x, TVector y)
        where TVector : struct, IVector<TVector>;

    TVector Combine<TVector>(TVector left, TVector right)
        where TVector : struct, IVector<TVector>;

    float Finish<TVector>(TVector sum)
        where TVector : struct, IVector<TVector>;
}

/// <summary>The loop of all reductions: four vectors of partial results, folded in a fixed order.</summary>
static unsafe class Reduction
{
    /// <summary>Folds <paramref name="x"/> and <paramref name="y"/>, which are equally long.</summary>
    public static float Apply<TReduction>(ReadOnlySpan<float> x, ReadOnlySpan<float> y, TReduction f)
        where TReduction : struct, IReduction =>
        Widest.Run<Kernel<TReduction>, float>(new(x, y, f));

    /// <summary>Folds at a given width.</summary>
    internal static float Apply<TReduction, TVector>(ReadOnlySpan<float> x, ReadOnlySpan<float> y, TReduction f)
        where TReduction : struct, IReduction
        where TVector : struct, IVector<TVector>
    {
        Elementwise.CheckLength(x.Length, y.Length, nameof(y));
        nuint count = (nuint)x.Length;
        nuint width = (nuint)TVector.Count;
        fixed (float* px = x)
        fixed (float* py = y)
        {
            // Four, because one chain waits some four cycles for each result.
            TVector a = TVector.Create(f.Initial);
            TVector b = a;
            TVector c = a;
            TVector d = a;
            nuint i = 0;
            for (; i + 4 * width <= count; i += 4 * width)
            {
                a = f.Add(a, TVector.Load(px + i), TVector.Load(py + i));
                b = f.Add(b, TVector.Load(px + i + width), TVector.Load(py + i + width));
                c = f.Add(c, TVector.Load(px + i + 2 * width), TVector.Load(py + i + 2 * width));
                d = f.Add(d, TVector.Load(px + i + 3 * width), TVector.Load(py + i + 3 * width));
            }
            TVector sum = f.Combine(f.Combine(a, b), f.Combine(c, d));
            for (; i + width <= count; i += width)
            {
                sum = f.Add(sum, TVector.Load(px + i), TVector.Load(py + i));
            }
            if (i < count)
            {
                sum = f.Add(
                    sum,
                    VectorTail.Load<TVector>(px + i, count - i, f.Padding),
                    VectorTail.Load<TVector>(py + i, count - i, f.Padding));
            }
            return f.Finish(sum);
        }
    }

    /// <summary>The fold.</summary>
    internal readonly ref struct Kernel<TReduction>(ReadOnlySpan<float> x, ReadOnlySpan<float> y, TReduction f) : IWidthFunction<float>
        where TReduction : struct, IReduction
    {
        readonly ReadOnlySpan<float> _x = x;
        readonly ReadOnlySpan<float> _y = y;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public float Run<TVector>()
            where TVector : struct, IVector<TVector> => Apply<TReduction, TVector>(_x, _y, f);
    }
}
