using GemmaSharp.Numerics;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Layers;

/// <summary>A linear layer without bias: <c>y = x · Wᵀ</c>, and for rows that carry adapters <c>+ Σ weight · s · (x · Aᵀ) · Bᵀ</c>.</summary>
/// <remarks>The weight is never changed, so one copy serves conversations with and without adapters. Immutable, thread-safe.</remarks>
sealed class Linear
{
    internal Linear(WeightMatrix weight, LinearModule module)
    {
        Weight = weight;
        Module = module;
    }

    /// <summary>Canonical path: <c>language_model.layers.0.self_attn.q_proj</c>.</summary>
    public string Path => Module.Path;

    /// <summary>W, <c>[out, in]</c>.</summary>
    public WeightMatrix Weight { get; }

    /// <summary>Columns of W.</summary>
    public int InFeatures => Weight.Columns;

    /// <summary>Rows of W.</summary>
    public int OutFeatures => Weight.Rows;

    /// <summary>By which adapters find it.</summary>
    internal LinearModule Module { get; }

    /// <summary>Computes some rows. A row's result is the same whatever the other rows are.</summary>
    /// <param name="x"><c>[rows, in]</c></param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="y">Receives <c>[rows, out]</c>; must not overlap <paramref name="x"/>.</param>
    /// <param name="team">The threads that share the work.</param>
    /// <param name="adapters">Which rows carry which adapters.</param>
    internal void Forward(ReadOnlySpan<float> x, int rows, Span<float> y, WorkerTeam team, AdapterRows adapters)
    {
        Weight.Multiply(x, rows, y, team);
        adapters.AddTo(Module, x, rows, y, team);
    }
}
