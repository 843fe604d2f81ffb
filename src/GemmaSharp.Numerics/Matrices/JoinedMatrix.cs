using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Numerics.Matrices;

/// <summary>Matrices side by side, used as one: the columns of the first, then those of the second, and so on.</summary>
/// <remarks>
/// For tables whose rows are looked up: nothing is copied for that. A product first reads its rows as float32 into scratch memory, some at a time, so that
/// every sum is one chain over all columns, as in a matrix stored in one piece. Immutable and thread-safe.
/// </remarks>
sealed unsafe class JoinedMatrix : WeightMatrix
{
    // Floats of rows read for a product at a time: 1 MiB.
    const int RowFloats = 1 << 18;

    readonly WeightMatrix[] _parts;

    /// <summary>Joins matrices.</summary>
    /// <param name="parts">One or more, of the same number of rows.</param>
    /// <exception cref="ArgumentException">There are none, or their rows differ.</exception>
    /// <exception cref="OverflowException">The columns together exceed an int.</exception>
    public JoinedMatrix(params IReadOnlyList<WeightMatrix> parts)
        : base(RowsOf(parts), checked((int)parts.Sum(part => (long)part.Columns)))
    {
        _parts = [.. parts];
    }

    /// <inheritdoc/>
    public override string FormatName => _parts[0].FormatName;

    /// <inheritdoc/>
    public override long StoredBytes => _parts.Sum(part => part.StoredBytes);

    /// <inheritdoc/>
    public override long PackedBytes => _parts.Sum(part => part.PackedBytes);

    /// <inheritdoc/>
    public override void ReadRow(int row, Span<float> destination)
    {
        CheckRow(row, destination);
        foreach (WeightMatrix part in _parts)
        {
            part.ReadRow(row, destination[..part.Columns]);
            destination = destination[part.Columns..];
        }
    }

    /// <inheritdoc/>
    public override void LookUpRow(int row, Span<float> destination)
    {
        CheckRow(row, destination);
        foreach (WeightMatrix part in _parts)
        {
            part.LookUpRow(row, destination[..part.Columns]);
            destination = destination[part.Columns..];
        }
    }

    /// <inheritdoc/>
    public override void Multiply(ReadOnlySpan<float> x, int tokens, Span<float> y, WorkerTeam team)
    {
        CheckArguments(x, tokens, y, team);
        if (tokens == 0)
        {
            return;
        }

        int block = Math.Clamp(RowFloats / Math.Max(1, Columns), 1, Math.Max(1, Rows));
        Span<float> rows = new(ThreadScratch.Of<float>(ScratchPurpose.PartRows, block * (long)Columns), block * Columns);
        for (int row = 0; row < Rows; row += block)
        {
            int count = Math.Min(block, Rows - row);
            for (int r = 0; r < count; r++)
            {
                ReadRow(row + r, rows.Slice(r * Columns, Columns));
            }

            MatMul.Multiply(x, tokens, rows, count, Columns, y[row..], Rows, team);
        }
    }

    static int RowsOf(IReadOnlyList<WeightMatrix> parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        if (parts.Count == 0)
        {
            throw new ArgumentException("No matrix was given; joining needs one or more.", nameof(parts));
        }

        int rows = parts[0].Rows;
        return parts.FirstOrDefault(part => part.Rows != rows) is WeightMatrix other
            ? throw new ArgumentException($"Matrices of {rows} and of {other.Rows} rows were given; joining needs the same for all.", nameof(parts))
            : rows;
    }
}
