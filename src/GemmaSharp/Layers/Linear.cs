using GemmaSharp.Numerics.Matrices;

namespace GemmaSharp.Layers;

/// <summary>A linear layer without bias: <c>y = x · Wᵀ</c>, and for rows that carry adapters <c>+ Σ weight · s · (x · Aᵀ) · Bᵀ</c>.</summary>
/// <remarks>The weight is never changed, so one copy serves conversations with and without adapters. Immutable, thread-safe.</remarks>
sealed class Linear(WeightMatrix weight, LinearModule module)
{
    /// <summary>Canonical path: <c>language_model.layers.0.self_attn.q_proj</c>.</summary>
    public string Path => module.Path;

    /// <summary>By which adapters find it.</summary>
    public LinearModule Module => module;

    /// <summary>W, <c>[out, in]</c>.</summary>
    public WeightMatrix Weight => weight;

    /// <summary>Columns of W.</summary>
    public int InFeatures => weight.Columns;

    /// <summary>Rows of W.</summary>
    public int OutFeatures => weight.Rows;

    /// <summary><c>y = x · Wᵀ</c>. A row's result is the same whatever the other rows are.</summary>
    /// <param name="x"><c>[T, in]</c>: rows of the pass, in its order, since they may carry adapters.</param>
    /// <param name="p">The pass.</param>
    /// <returns><c>[T, out]</c></returns>
    public Rows Forward(Rows x, Pass p)
    {
        Rows y = p.New(x.Count, OutFeatures);
        Forward(x, y, p);
        return y;
    }

    /// <summary>The same into rows that are there.</summary>
    /// <param name="x"><c>[T, in]</c></param>
    /// <param name="y">Receives <c>[T, out]</c>.</param>
    /// <param name="p">The pass.</param>
    /// <param name="firstRow">Which row of the pass is the first of <paramref name="x"/>.</param>
    public void Forward(Rows x, Rows y, Pass p, int firstRow = 0)
    {
        using PassProfile.Section _ = p.Measure(PassPart.Products, this, x.Count);
        weight.Multiply(x.Span, x.Count, y.Span, p.Team);
        p.Adapters.AddTo(module, firstRow, x.Span, x.Count, y.Span, p.Team);
    }
}
