using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Model.Audio;

/// <summary>What a sub-sampling convolution remembers of its input, and its scratch.</summary>
/// <remarks>
/// Input rows are one time step each, <c>[frequencies + 2, channels]</c>, with a zero on either side for the kernel to lean over.
/// Not thread-safe; belongs to one pass or stream.
/// </remarks>
sealed class SubSampleConvState : IDisposable
{
    readonly NativeArray<float> _rows;
    readonly NativeArray<float> _output;
    readonly NativeArray<float> _patches;
    readonly int _border;
    int _skip;

    /// <summary>Allocates room for the longest input.</summary>
    /// <param name="capacity">The most rows held.</param>
    /// <param name="rowLength">Values of a row with its borders.</param>
    /// <param name="border">Zeros on either side of a row.</param>
    /// <param name="output">Values of the longest output.</param>
    /// <param name="patches">Values of its patches; 0 for none.</param>
    public SubSampleConvState(int capacity, int rowLength, int border, long output, long patches)
    {
        RowLength = rowLength;
        _border = border;
        _rows = new((long)capacity * rowLength);
        _output = new(output);
        _patches = new(patches);
    }

    /// <summary>Values of a row with its borders.</summary>
    public int RowLength { get; }

    /// <summary>Rows held.</summary>
    public int Count { get; private set; }

    /// <summary>Steps the norm has seen.</summary>
    public long Steps { get; set; }

    /// <summary>Sum of all values the norm has seen.</summary>
    public double Sum { get; set; }

    /// <summary>Sum of their squared deviations, each from the mean of its own step.</summary>
    public double Deviation { get; set; }

    /// <summary>Receives the norm's output for a trace; null for none.</summary>
    public float[]? NormTrace { get; init; }

    /// <summary>Values written to <see cref="NormTrace"/>.</summary>
    public int NormTraced { get; set; }

    /// <summary>The rows held.</summary>
    public ReadOnlySpan<float> Rows => _rows.Slice(0, Count * RowLength);

    /// <summary>The convolution's result before its norm.</summary>
    public Span<float> Output(int length) => _output.Slice(0, length);

    /// <summary>Patches of the input.</summary>
    public Span<float> Patches(int length) => _patches.Slice(0, length);

    /// <summary>Forgets the clip; the trace goes on.</summary>
    public void Reset()
    {
        (Count, _skip, Steps, Sum, Deviation) = (0, 0, 0, 0, 0);
    }

    /// <summary>Room for the next rows, borders left out.</summary>
    /// <param name="index">Which of the rows being added.</param>
    public Span<float> Incoming(int index) =>
        _rows.Slice((long)(Count + index) * RowLength + _border, RowLength - 2 * _border);

    /// <summary>Takes in rows that were written to <see cref="Incoming"/>.</summary>
    public void Add(int count)
    {
        Count += count;
        Drop(0);
    }

    /// <summary>Drops the oldest rows; those not there yet are dropped as they come.</summary>
    public void Drop(int count)
    {
        _skip += count;
        int dropped = Math.Min(_skip, Count);
        if (dropped > 0)
        {
            Rows[(dropped * RowLength)..].CopyTo(_rows.Span);
            Count -= dropped;
            _skip -= dropped;
        }
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        _rows.Dispose();
        _output.Dispose();
        _patches.Dispose();
    }
}
