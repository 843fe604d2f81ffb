using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Model.Text;

/// <summary>Keys (after norm and RoPE) and values (after norm) of one layer and one sequence.</summary>
/// <remarks>Rows of one head are contiguous, so a query streams through them. Owned by one <see cref="KvCache"/>.</remarks>
abstract class KvLayer(int kvHeads, int headDim) : IDisposable
{
    protected int KvHeads { get; } = kvHeads;

    protected int HeadDim { get; } = headDim;

    /// <summary>Bytes of native memory held.</summary>
    public abstract long Bytes { get; }

    /// <summary>The first position that a query at <paramref name="position"/> sees.</summary>
    public abstract int FirstVisible(int position);

    /// <summary>
    /// Makes room for positions up to <paramref name="end"/> (exclusive). Not thread-safe. When memory is short, what is stored stays as it was.
    /// </summary>
    /// <exception cref="OutOfMemoryException">There is no room.</exception>
    public abstract void Reserve(int end);

    /// <summary>Stores one head's key and value, each <c>[d]</c>. Different positions may be written by different threads.</summary>
    public abstract void Write(int head, int position, ReadOnlySpan<float> key, ReadOnlySpan<float> value);

    /// <summary>The longest contiguous run of stored rows from <paramref name="position"/> on.</summary>
    /// <param name="head">Key-value head.</param>
    /// <param name="position">First position wanted.</param>
    /// <param name="end">One past the last position wanted.</param>
    /// <param name="keys">Receives <c>[run, d]</c>.</param>
    /// <param name="values">Receives <c>[run, d]</c>.</param>
    /// <returns>The run's length, at least 1.</returns>
    public abstract int Run(int head, int position, int end, out ReadOnlySpan<float> keys, out ReadOnlySpan<float> values);

    public abstract void Dispose();
}

/// <summary>A ring for layers with a sliding window: the window plus one step's rows, whatever the length of the sequence.</summary>
/// <remarks>
/// A step of S rows needs the W − 1 positions before it and its own S; a ring of W − 1 + S slots therefore holds all keys that any row of the step sees,
/// and lets the sequence be rewound by up to S positions afterwards. It grows by doubling until it has that size, so short conversations stay small.
/// </remarks>
sealed class SlidingKvLayer(int kvHeads, int headDim, int window, int maxStepRows) : KvLayer(kvHeads, headDim)
{
    const int FirstCapacity = 64;
    readonly int _fullCapacity = window - 1 + maxStepRows;
    NativeArray<float>? _keys;
    NativeArray<float>? _values;
    int _capacity;

    public override long Bytes => 2L * sizeof(float) * KvHeads * _capacity * HeadDim;

    public override int FirstVisible(int position) => Math.Max(0, position - window + 1);

    public override void Reserve(int end)
    {
        int wanted = Math.Min(end, _fullCapacity);
        if (wanted <= _capacity)
        {
            return;
        }

        // Both or neither: keys of one stride beside values of another would be read as each other's.
        int capacity = Math.Min(_fullCapacity, Math.Max(FirstCapacity, Math.Max(wanted, 2 * _capacity)));
        NativeArray<float> keys = Grown(_keys, capacity);
        NativeArray<float> values;
        try
        {
            values = Grown(_values, capacity);
        }
        catch
        {
            keys.Dispose();
            throw;
        }

        _keys?.Dispose();
        _values?.Dispose();
        (_keys, _values, _capacity) = (keys, values, capacity);
    }

    public override void Write(int head, int position, ReadOnlySpan<float> key, ReadOnlySpan<float> value)
    {
        long offset = (((long)head * _capacity) + (position % _capacity)) * HeadDim;
        key.CopyTo(_keys!.Slice(offset, HeadDim));
        value.CopyTo(_values!.Slice(offset, HeadDim));
    }

    public override int Run(int head, int position, int end, out ReadOnlySpan<float> keys, out ReadOnlySpan<float> values)
    {
        int slot = position % _capacity, run = Math.Min(end - position, _capacity - slot);
        long offset = (((long)head * _capacity) + slot) * HeadDim;
        keys = _keys!.Slice(offset, run * HeadDim);
        values = _values!.Slice(offset, run * HeadDim);
        return run;
    }

    public override void Dispose()
    {
        _keys?.Dispose();
        _values?.Dispose();
        _keys = _values = null;
        _capacity = 0;
    }

    /// <summary>A longer copy. Before the ring has its full size no position has wrapped, so slots keep their numbers.</summary>
    NativeArray<float> Grown(NativeArray<float>? old, int capacity)
    {
        var grown = new NativeArray<float>((long)KvHeads * capacity * HeadDim);
        if (old is not null)
        {
            for (int head = 0; head < KvHeads; head++)
            {
                old.Slice((long)head * _capacity * HeadDim, _capacity * HeadDim).CopyTo(grown.Slice((long)head * capacity * HeadDim, _capacity * HeadDim));
            }
        }

        return grown;
    }
}

/// <summary>Pages for layers with full attention: memory grows with the sequence and nothing is ever copied.</summary>
sealed class FullKvLayer(int kvHeads, int headDim) : KvLayer(kvHeads, headDim)
{
    /// <summary>Positions per page: long enough to stream, short enough that a short conversation wastes little.</summary>
    public const int PagePositions = 128;
    readonly List<NativeArray<float>> _keys = [];
    readonly List<NativeArray<float>> _values = [];

    public override long Bytes => 2L * sizeof(float) * _keys.Count * KvHeads * PagePositions * HeadDim;

    public override int FirstVisible(int position) => 0;

    public override void Reserve(int end)
    {
        while (_keys.Count * PagePositions < end)
        {
            _keys.EnsureCapacity(_keys.Count + 1);
            _values.EnsureCapacity(_values.Count + 1);
            var keys = new NativeArray<float>((long)KvHeads * PagePositions * HeadDim);
            try
            {
                _values.Add(new NativeArray<float>((long)KvHeads * PagePositions * HeadDim));
            }
            catch
            {
                keys.Dispose();
                throw;
            }

            _keys.Add(keys);
        }
    }

    /// <summary>Gives back the pages behind <paramref name="end"/>.</summary>
    public void Trim(int end)
    {
        int pages = (end + PagePositions - 1) / PagePositions;
        for (int i = _keys.Count - 1; i >= pages; i--)
        {
            _keys[i].Dispose();
            _values[i].Dispose();
            _keys.RemoveAt(i);
            _values.RemoveAt(i);
        }
    }

    public override void Write(int head, int position, ReadOnlySpan<float> key, ReadOnlySpan<float> value)
    {
        int offset = ((head * PagePositions) + (position % PagePositions)) * HeadDim;
        key.CopyTo(_keys[position / PagePositions].Slice(offset, HeadDim));
        value.CopyTo(_values[position / PagePositions].Slice(offset, HeadDim));
    }

    public override int Run(int head, int position, int end, out ReadOnlySpan<float> keys, out ReadOnlySpan<float> values)
    {
        int slot = position % PagePositions, run = Math.Min(end - position, PagePositions - slot);
        int offset = ((head * PagePositions) + slot) * HeadDim;
        keys = _keys[position / PagePositions].Slice(offset, run * HeadDim);
        values = _values[position / PagePositions].Slice(offset, run * HeadDim);
        return run;
    }

    public override void Dispose() => Trim(0);
}
