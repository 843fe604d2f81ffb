using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Numerics.Matrices;

/// <summary>A stored matrix <c>[Rows, Columns]</c>, row-major, used where it lies: <c>y = x · Wᵀ</c>.</summary>
/// <remarks>
/// Immutable and thread-safe. A token's result is the same, bit for bit, whatever other tokens are in the call and
/// however many threads run.
/// </remarks>
abstract class WeightMatrix : IRowSource
{
    /// <summary>Records the shape.</summary>
    /// <param name="rows">Output features, 0 or more.</param>
    /// <param name="columns">Input features, 0 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    protected WeightMatrix(int rows, int columns)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(columns);
        Rows = rows;
        Columns = columns;
    }

    /// <summary>Output features.</summary>
    public int Rows { get; }

    /// <summary>Input features.</summary>
    public int Columns { get; }

    /// <summary>The stored form: "bf16", "f16", "f32", "affine4/64" …</summary>
    public abstract string FormatName { get; }

    /// <summary>Bytes of the file or allocation that hold the weights.</summary>
    public abstract long StoredBytes { get; }

    /// <summary>Bytes of copies made for the kernels.</summary>
    public virtual long PackedBytes => 0;

    /// <summary>Reads one row as float32.</summary>
    /// <param name="row">Row number, from 0.</param>
    /// <param name="destination"><c>[Columns]</c></param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such row.</exception>
    /// <exception cref="ArgumentException"><paramref name="destination"/> has another length.</exception>
    public abstract void ReadRow(int row, Span<float> destination);

    /// <summary>The same of a large table of which few rows are wanted: what is read of its file does not stay in memory.</summary>
    /// <param name="row">Row number, from 0.</param>
    /// <param name="destination"><c>[Columns]</c></param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such row.</exception>
    /// <exception cref="ArgumentException"><paramref name="destination"/> has another length.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public virtual void LookUpRow(int row, Span<float> destination) => ReadRow(row, destination);

    /// <summary><c>y[t, r] = Σ x[t, c] · W[r, c]</c>, accumulated in float32.</summary>
    /// <param name="x"><c>[tokens, Columns]</c></param>
    /// <param name="tokens">Number of rows of x and y, 0 or more.</param>
    /// <param name="y"><c>[tokens, Rows]</c>; must not overlap <paramref name="x"/>.</param>
    /// <param name="team">The threads that share the rows of W.</param>
    /// <exception cref="ArgumentException"><paramref name="x"/> or <paramref name="y"/> is too short.</exception>
    public abstract void Multiply(ReadOnlySpan<float> x, int tokens, Span<float> y, WorkerTeam team);

    /// <summary>The same for rows of maps, some hundred at a time, on the calling thread alone.</summary>
    /// <param name="x"><c>[rows, Columns]</c></param>
    /// <param name="rows">Number of rows of x and y, 0 or more.</param>
    /// <param name="y"><c>[rows, Rows]</c>; must not overlap <paramref name="x"/>.</param>
    /// <remarks>Bits may differ from those of <see cref="Multiply"/>; they do not depend on the other rows either.</remarks>
    /// <exception cref="ArgumentException"><paramref name="x"/> or <paramref name="y"/> is too short.</exception>
    public virtual void MultiplyHere(ReadOnlySpan<float> x, int rows, Span<float> y) => ColumnProduct.Multiply(x, rows, this, y);

    /// <summary>Makes what products need now, as the first one would, and lets go of the memory of what they no longer read.</summary>
    /// <param name="team">The threads that share the work.</param>
    /// <exception cref="OutOfMemoryException">The system has not enough memory.</exception>
    public virtual void PrepareProducts(WorkerTeam team)
    {
    }

    /// <summary>Frees the copies made for the kernels; no product may run meanwhile. A later one makes them again.</summary>
    public virtual void ReleaseProducts()
    {
    }

    /// <summary>Refuses spans too short for <see cref="Multiply"/>.</summary>
    private protected void CheckArguments(ReadOnlySpan<float> x, int tokens, Span<float> y, WorkerTeam team)
    {
        ArgumentNullException.ThrowIfNull(team);
        CheckArguments(x, tokens, y);
    }

    /// <summary>Refuses spans too short for so many rows.</summary>
    private protected void CheckArguments(ReadOnlySpan<float> x, int tokens, Span<float> y)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        if (x.Length < (long)tokens * Columns)
        {
            throw new ArgumentException(
                $"x has {x.Length} elements; {tokens} tokens of {Columns} features need {(long)tokens * Columns}.", nameof(x));
        }
        if (y.Length < (long)tokens * Rows)
        {
            throw new ArgumentException(
                $"y has {y.Length} elements; {tokens} tokens of {Rows} features need {(long)tokens * Rows}.", nameof(y));
        }
    }

    /// <summary>Refuses arguments that do not fit <see cref="ReadRow"/>.</summary>
    private protected void CheckRow(int row, Span<float> destination)
    {
        if ((uint)row >= (uint)Rows)
        {
            throw new ArgumentOutOfRangeException(nameof(row), row, $"The matrix has {Rows} rows, counted from 0.");
        }
        if (destination.Length != Columns)
        {
            throw new ArgumentException(
                $"The destination has {destination.Length} elements; a row has {Columns}.", nameof(destination));
        }
    }
}
