using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Matrices;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Checkpoints;

/// <summary>A matrix of which only shape and stored form are known: it tells what the real one would hold, and computes nothing.</summary>
/// <param name="rows">Output features.</param>
/// <param name="columns">Input features.</param>
/// <param name="storedBytes">Bytes in the file.</param>
/// <param name="packed">The form of the panels that its products would read; <see langword="null"/> where they read the file.</param>
sealed class OutlineMatrix(int rows, int columns, long storedBytes, PackedForm? packed) : WeightMatrix(rows, columns)
{
    bool _isPrepared;

    /// <inheritdoc/>
    public override string FormatName => "outline";

    /// <inheritdoc/>
    public override long StoredBytes => storedBytes;

    /// <inheritdoc/>
    public override long PackedBytes => _isPrepared && Rows > 0 && Columns > 0 && packed is PackedForm form ? PackedPanels.BytesOf(form, Rows, Columns) : 0;

    /// <inheritdoc/>
    public override void PrepareProducts(WorkerTeam team) => _isPrepared = true;

    /// <inheritdoc/>
    public override void ReadRow(int row, Span<float> destination)
    {
    }

    /// <inheritdoc/>
    public override void Multiply(ReadOnlySpan<float> x, int tokens, Span<float> y, WorkerTeam team)
    {
        if (!team.IsRehearsal)
        {
            throw new InvalidOperationException("This matrix has no values: its checkpoint was opened to see what memory it takes.");
        }
    }
}
