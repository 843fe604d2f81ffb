using GemmaSharp.Numerics.Matrices;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Checkpoints;

/// <summary>Stands in for a matrix that is missing, does not fit, or is only listed: it has a shape and no values.</summary>
sealed class AbsentMatrix(int rows, int columns) : WeightMatrix(rows, columns)
{
    /// <inheritdoc/>
    public override string FormatName => "absent";

    /// <inheritdoc/>
    public override long StoredBytes => 0;

    /// <inheritdoc/>
    public override void ReadRow(int row, Span<float> destination) => throw NoValues();

    /// <inheritdoc/>
    public override void Multiply(ReadOnlySpan<float> x, int tokens, Span<float> y, WorkerTeam team) => throw NoValues();

    static InvalidOperationException NoValues() =>
        new("This matrix has no values: its checkpoint was refused, or opened for its headers only.");
}
