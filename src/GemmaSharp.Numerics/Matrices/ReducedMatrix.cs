using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Numerics.Matrices;

/// <summary>Stored weights whose products round activations to bfloat16 and sum in float32, for parts of a model where that does no harm.</summary>
/// <remarks>
/// Weights are never rounded: where one is no bfloat16 number, or the machine has no instruction for the product, it is the stored matrix's own, as before
/// <see cref="Prepare"/>. Thread-safe.
/// </remarks>
sealed class ReducedMatrix : WeightMatrix
{
    readonly DenseMatrix _stored;
    readonly PackedWeights<BFloat16Panels> _packed = new();

    /// <summary>Wraps a matrix; nothing is copied yet.</summary>
    /// <param name="stored">The weights.</param>
    public ReducedMatrix(DenseMatrix stored)
        : base(stored.Rows, stored.Columns) => _stored = stored;

    /// <summary>Whether this machine can multiply so.</summary>
    public static bool IsSupported => BFloat16Product.IsSupported;

    /// <inheritdoc/>
    public override string FormatName => _stored.FormatName;

    /// <inheritdoc/>
    public override long StoredBytes => _stored.StoredBytes;

    /// <inheritdoc/>
    public override long PackedBytes => _packed.Panels?.Bytes ?? 0;

    /// <summary>
    /// Makes the copy that products read from now on, and lets go of the memory of what they no longer read. Before, they are the stored matrix's own. Where a
    /// weight cannot be packed, nothing changes.
    /// </summary>
    /// <param name="team">The threads that share the work.</param>
    /// <exception cref="OutOfMemoryException">The system has not enough memory.</exception>
    public void Prepare(WorkerTeam team)
    {
        if (!IsSupported || _packed.Panels is not null)
        {
            return;
        }

        if (_packed.Of((_stored, team), static s => BFloat16Panels.Pack(s._stored, s.team)) is not null)
        {
            _stored.Forget();
        }
    }

    /// <inheritdoc/>
    public override void ReleaseProducts() => _packed.Release();

    /// <inheritdoc/>
    public override void ReadRow(int row, Span<float> destination) => _stored.ReadRow(row, destination);

    /// <inheritdoc/>
    public override void Multiply(ReadOnlySpan<float> x, int tokens, Span<float> y, WorkerTeam team)
    {
        CheckArguments(x, tokens, y, team);
        if (_packed.Panels is BFloat16Panels panels)
        {
            BFloat16Product.Multiply(x, tokens, panels.Layout, y, team);
            GC.KeepAlive(panels);
        }
        else
        {
            _stored.Multiply(x, tokens, y, team);
        }
    }

    /// <inheritdoc/>
    public override void MultiplyHere(ReadOnlySpan<float> x, int rows, Span<float> y)
    {
        CheckArguments(x, rows, y);
        if (_packed.Panels is BFloat16Panels panels)
        {
            BFloat16Product.Multiply(x, rows, panels.Layout, y, null);
            GC.KeepAlive(panels);
        }
        else
        {
            _stored.MultiplyHere(x, rows, y);
        }
    }
}
