using GemmaSharp.Numerics.Kernels;

namespace GemmaSharp.Layers;

/// <summary>Elementwise operations over all rows, shared between threads row by row, so that a row's bits do not depend on its neighbours.</summary>
static class RowOperations
{
    /// <summary>Rows that one thread takes at a time in elementwise work.</summary>
    public const int Grain = 8;

    const float InverseSqrt2 = 0.70710678118654752f;

    /// <summary><c>x + y</c></summary>
    public static Rows Add(this Pass p, Rows x, Rows y) =>
        p.Map((x, y, sum: p.New(x.Count, x.Width)), static (s, t) => VectorMath.Add(s.x[t], s.y[t], s.sum[t]), x.Count).sum;

    /// <summary><c>x ← x + y</c></summary>
    public static void AddTo(this Pass p, Rows x, Rows y) => p.Map((x, y), static (s, t) => VectorMath.Add(s.x[t], s.y[t], s.x[t]), x.Count);

    /// <summary><c>(x + y) / √2</c>, into x</summary>
    public static void AverageInto(this Pass p, Rows x, Rows y) => p.Map(
        (x, y),
        static (s, t) =>
        {
            VectorMath.Add(s.x[t], s.y[t], s.x[t]);
            VectorMath.Scale(s.x[t], InverseSqrt2, s.x[t]);
        },
        x.Count);

    /// <summary><c>(x + y + z) / √2</c></summary>
    public static Rows Average(this Pass p, Rows x, Rows y, Rows z) => p.Map(
        (x, y, z, mean: p.New(x.Count, x.Width)),
        static (s, t) =>
        {
            Span<float> row = s.mean[t];
            VectorMath.Add(s.x[t], s.y[t], row);
            VectorMath.Add(row, s.z[t], row);
            VectorMath.Scale(row, InverseSqrt2, row);
        },
        x.Count).mean;

    /// <summary><c>x ← s · x</c></summary>
    public static Rows ScaleInPlace(this Pass p, Rows x, float s) => p.Map((x, s), static (a, t) => VectorMath.Scale(a.x[t], a.s, a.x[t]), x.Count).x;

    /// <summary><c>x ⊙ weight</c> with the same weight for every row.</summary>
    public static Rows Multiply(this Pass p, Rows x, float[] weight) => p.Map(
        (x, weight, product: p.New(x.Count, x.Width)), static (s, t) => VectorMath.Multiply(s.x[t], s.weight, s.product[t]), x.Count).product;

    /// <summary>Calls an action for every row.</summary>
    /// <param name="p">The pass.</param>
    /// <param name="state">Handed to every call.</param>
    /// <param name="action">Gets the state and a row's number; static, so that it costs no allocation.</param>
    /// <param name="count">Number of rows.</param>
    /// <returns><paramref name="state"/></returns>
    public static TState Map<TState>(this Pass p, TState state, Action<TState, int> action, int count)
    {
        using PassProfile.Section _ = p.Measure(PassPart.Elementwise);
        p.ForEach((state, action), count, Grain, static (s, first, last) =>
        {
            for (int t = first; t < last; t++)
            {
                s.action(s.state, t);
            }
        });
        return state;
    }
}
