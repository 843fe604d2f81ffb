using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Matrices;

namespace GemmaSharp.Checkpoints.Slices;

/// <summary>The rows and columns of a stored matrix that a smaller model uses.</summary>
/// <param name="Rows">Rows, in order.</param>
/// <param name="Columns">Columns, in order.</param>
/// <param name="WholeShape">Rows and columns of the stored matrix.</param>
sealed record MatrixSelection(IReadOnlyList<IndexRange> Rows, IReadOnlyList<IndexRange> Columns, IReadOnlyList<long> WholeShape)
{
    /// <summary>The part of the stored <paramref name="bytes"/> that the selection has; groups and words are not cut, so it is a whole number.</summary>
    public long Share(long bytes) =>
        (long)((Int128)bytes * IndexRange.Total(Rows) * IndexRange.Total(Columns) / ((Int128)WholeShape[0] * WholeShape[1]));

    /// <summary>The columns that cut a group or a word of a quantised form; <see langword="null"/> when none do.</summary>
    public IndexRange? Cut(QuantizationFormat format)
    {
        foreach (IndexRange range in Columns)
        {
            if (!format.Fits(range.Count) || (range.First > 0 && !format.Fits(range.First)))
            {
                return range;
            }
        }

        return null;
    }

    /// <summary>The columns that cut a block of some weights; <see langword="null"/> when none do.</summary>
    public IndexRange? Cut(int blockSize)
    {
        foreach (IndexRange range in Columns)
        {
            if (range.First % blockSize != 0 || range.Count % blockSize != 0)
            {
                return range;
            }
        }

        return null;
    }

    /// <summary>The selection as one matrix, in place.</summary>
    /// <param name="slice">Makes a view of some rows and columns.</param>
    public WeightMatrix View(Func<IndexRange, IndexRange, WeightMatrix> slice)
    {
        WeightMatrix[] stack = [.. Rows.Select(rows => Join([.. Columns.Select(columns => slice(rows, columns))]))];
        return stack is [WeightMatrix only] ? only : new StackedMatrix(stack);
    }

    static WeightMatrix Join(WeightMatrix[] parts) => parts is [WeightMatrix only] ? only : new JoinedMatrix(parts);
}
