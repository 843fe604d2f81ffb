using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Numerics.Matrices;

/// <summary>Matrices one above the other, used as one: the rows of the first, then those of the second, and so on.</summary>
/// <remarks>Nothing is copied; a product's bits are those of its part. Immutable and thread-safe.</remarks>
sealed unsafe class StackedMatrix : WeightMatrix
{
    // Floats of results that wait for their place: 4 MiB.
    const int ResultFloats = 1 << 20;

    readonly WeightMatrix[] _parts;

    /// <summary>Stacks matrices.</summary>
    /// <param name="parts">One or more, of the same number of columns.</param>
    /// <exception cref="ArgumentException">There are none, or their columns differ.</exception>
    /// <exception cref="OverflowException">The rows together exceed an int.</exception>
    public StackedMatrix(params IReadOnlyList<WeightMatrix> parts)
        : base(RowsOf(parts), ColumnsOf(parts))
    {
        _parts = [.. parts.SelectMany(part => part is StackedMatrix stack ? stack._parts : [part])];
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
        PartOf(ref row).ReadRow(row, destination);
    }

    /// <inheritdoc/>
    public override void LookUpRow(int row, Span<float> destination)
    {
        CheckRow(row, destination);
        PartOf(ref row).LookUpRow(row, destination);
    }

    /// <inheritdoc/>
    public override void Multiply(ReadOnlySpan<float> x, int tokens, Span<float> y, WorkerTeam team)
    {
        CheckArguments(x, tokens, y, team);
        if (tokens == 0)
        {
            return;
        }

        int first = 0;
        foreach (WeightMatrix part in _parts)
        {
            if (tokens == 1 || part.Rows == Rows)
            {
                part.Multiply(x, tokens, y.Slice(first, tokens * part.Rows), team);
            }
            else
            {
                MultiplyAside(part, x, tokens, y[first..], team);
            }

            first += part.Rows;
        }
    }

    /// <summary>The part that has a row, whose number there takes the place of its own.</summary>
    WeightMatrix PartOf(ref int row)
    {
        int part = 0;
        for (; row >= _parts[part].Rows; part++)
        {
            row -= _parts[part].Rows;
        }

        return _parts[part];
    }

    /// <summary>A part's results lie side by side, those of the stack have the other parts' between them.</summary>
    void MultiplyAside(WeightMatrix part, ReadOnlySpan<float> x, int tokens, Span<float> y, WorkerTeam team)
    {
        int block = Math.Clamp(ResultFloats / Math.Max(1, part.Rows), 1, tokens);
        Span<float> results = new(ThreadScratch.Of<float>(ScratchPurpose.PartResults, block * (long)part.Rows), block * part.Rows);
        for (int token = 0; token < tokens; token += block)
        {
            int count = Math.Min(block, tokens - token);
            part.Multiply(x.Slice(token * Columns, count * Columns), count, results, team);
            for (int t = 0; t < count; t++)
            {
                results.Slice(t * part.Rows, part.Rows).CopyTo(y[((token + t) * Rows)..]);
            }
        }
    }

    /// <inheritdoc/>
    public override void PrepareProducts(WorkerTeam team)
    {
        foreach (WeightMatrix part in _parts)
        {
            part.PrepareProducts(team);
        }
    }

    /// <inheritdoc/>
    public override void ReleaseProducts()
    {
        foreach (WeightMatrix part in _parts)
        {
            part.ReleaseProducts();
        }
    }

    static int RowsOf(IReadOnlyList<WeightMatrix> parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        return parts.Count > 0
            ? checked((int)parts.Sum(part => (long)part.Rows))
            : throw new ArgumentException("No matrix was given; a stack needs one or more.", nameof(parts));
    }

    static int ColumnsOf(IReadOnlyList<WeightMatrix> parts)
    {
        int columns = parts[0].Columns;
        return parts.FirstOrDefault(part => part.Columns != columns) is WeightMatrix other
            ? throw new ArgumentException($"Matrices of {columns} and of {other.Columns} columns were given; a stack needs the same for all.", nameof(parts))
            : columns;
    }
}
