using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Model.Text;

/// <summary>Keys (after norm and RoPE) and values (after norm) of one layer and one sequence.</summary>
/// <remarks>Rows of one head are contiguous, so a query streams through them. Owned by one <see cref="KvCache"/>.</remarks>
abstract class KvLayer(int kvHeads, int headDim, KvLedger? ledger) : IDisposable
{
    protected int KvHeads { get; } = kvHeads;

    protected int HeadDim { get; } = headDim;

    protected KvLedger? Ledger { get; } = ledger;

    /// <summary>Bytes of native memory held, those shared with others included.</summary>
    public abstract long Bytes { get; }

    /// <summary>The first position that a query at <paramref name="position"/> sees.</summary>
    public abstract int FirstVisible(int position);

    /// <summary>
    /// Makes room for positions from <paramref name="start"/> up to <paramref name="end"/> (exclusive), which are written next. Not thread-safe. When memory
    /// is short, what is stored stays as it was.
    /// </summary>
    /// <exception cref="OutOfMemoryException">There is no room.</exception>
    public abstract void Reserve(int start, int end);

    /// <summary>Bytes that <see cref="Reserve"/> would take.</summary>
    public abstract long Growth(int start, int end);

    /// <summary>The most bytes that a layer of this many positions holds, however it grew.</summary>
    public abstract long MostBytes(int positions);

    /// <summary>Of the bytes of this many positions, those that <see cref="TakeOver"/> does not take anew where memory is shared.</summary>
    public abstract long SharedBytes(int positions);

    /// <summary>Takes over what queries from position <paramref name="length"/> on see of another sequence's layer; this one must be empty.</summary>
    /// <param name="source">A layer of the same shape that still stores all of it.</param>
    /// <param name="length">Positions to take over.</param>
    /// <param name="share">Whether memory may be shared instead of copied.</param>
    /// <exception cref="OutOfMemoryException">There is no room.</exception>
    public abstract void TakeOver(KvLayer source, int length, bool share);

    /// <summary>Bytes held that this count has not come across yet.</summary>
    public abstract long CountOnce(long count);

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
sealed class SlidingKvLayer(int kvHeads, int headDim, int window, int maxStepRows, KvLedger? ledger = null) : KvLayer(kvHeads, headDim, ledger)
{
    const int FirstCapacity = 64;
    readonly int _fullCapacity = window - 1 + maxStepRows;
    NativeArray<float>? _keys;
    NativeArray<float>? _values;
    int _capacity;

    public override long Bytes => BytesOf(_capacity);

    public override int FirstVisible(int position) => Math.Max(0, position - window + 1);

    public override void Reserve(int start, int end)
    {
        int capacity = Capacity(end);
        if (capacity == _capacity)
        {
            return;
        }

        // Both or neither: keys of one stride beside values of another would be read as each other's.
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
        Ledger?.Add(BytesOf(capacity - _capacity));
        (_keys, _values, _capacity) = (keys, values, capacity);
    }

    public override long Growth(int start, int end) => BytesOf(Capacity(end) - _capacity);

    public override long MostBytes(int positions) => BytesOf(Math.Min(_fullCapacity, Math.Max(FirstCapacity, (int)Math.Min(2L * positions, int.MaxValue))));

    public override long SharedBytes(int positions) => 0;

    public override void TakeOver(KvLayer source, int length, bool share)
    {
        var ring = (SlidingKvLayer)source;
        Reserve(0, length);
        for (int head = 0; head < KvHeads; head++)
        {
            for (int position = FirstVisible(length); position < length;)
            {
                // Both rings may wrap on the way, each at a place of its own.
                int run = Math.Min(
                    ring.Run(head, position, length, out ReadOnlySpan<float> keys, out ReadOnlySpan<float> values), _capacity - (position % _capacity));
                long offset = (((long)head * _capacity) + (position % _capacity)) * HeadDim;
                keys[..(run * HeadDim)].CopyTo(_keys!.Slice(offset, run * HeadDim));
                values[..(run * HeadDim)].CopyTo(_values!.Slice(offset, run * HeadDim));
                position += run;
            }
        }
    }

    public override long CountOnce(long count) => Bytes;

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
        Ledger?.Add(-Bytes);
        _capacity = 0;
    }

    /// <summary>The slots it has once there is room for positions up to <paramref name="end"/>.</summary>
    int Capacity(int end)
    {
        int wanted = Math.Min(end, _fullCapacity);
        return wanted <= _capacity ? _capacity : Math.Min(_fullCapacity, Math.Max(FirstCapacity, Math.Max(wanted, 2 * _capacity)));
    }

    long BytesOf(int slots) => 2L * sizeof(float) * KvHeads * slots * HeadDim;

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

/// <summary>Pages for layers with full attention: memory grows with the sequence, and sequences with a common beginning share its pages.</summary>
sealed class FullKvLayer(int kvHeads, int headDim, KvLedger? ledger = null) : KvLayer(kvHeads, headDim, ledger)
{
    /// <summary>Positions per page: long enough to stream, short enough that a short conversation wastes little.</summary>
    public const int PagePositions = 128;
    readonly List<KvPage> _pages = [];

    public override long Bytes => BytesOf(_pages.Count);

    public override int FirstVisible(int position) => 0;

    public override void Reserve(int start, int end)
    {
        // What is written must be nobody else's. Only the first of these pages can be: those behind it are dropped with what is behind the end.
        int first = start / PagePositions;
        if (end > start && first < _pages.Count && _pages[first].IsShared)
        {
            KvPage shared = _pages[first];
            _pages[first] = shared.Copy(Ledger);
            shared.Dispose();
        }

        while (_pages.Count < PagesOf(end))
        {
            _pages.EnsureCapacity(_pages.Count + 1);
            _pages.Add(new KvPage(KvHeads * PagePositions * HeadDim, Ledger));
        }
    }

    public override long Growth(int start, int end)
    {
        int first = start / PagePositions, copied = end > start && first < _pages.Count && _pages[first].IsShared ? 1 : 0;
        return BytesOf(copied + Math.Max(0, PagesOf(end) - _pages.Count));
    }

    // One page more than its positions need: the last one may be shared and then have to be copied.
    public override long MostBytes(int positions) => BytesOf(PagesOf(positions) + 1);

    public override long SharedBytes(int positions) => BytesOf(PagesOf(positions));

    public override void TakeOver(KvLayer source, int length, bool share)
    {
        var layer = (FullKvLayer)source;
        int pages = PagesOf(length);
        _pages.EnsureCapacity(pages);
        for (int i = 0; i < pages; i++)
        {
            _pages.Add(share ? layer._pages[i].Share() : layer._pages[i].Copy(Ledger));
        }
    }

    public override long CountOnce(long count)
    {
        long bytes = 0;
        foreach (KvPage page in _pages)
        {
            bytes += page.Mark == count ? 0 : page.Bytes;
            page.Mark = count;
        }

        return bytes;
    }

    /// <summary>Gives back the pages behind <paramref name="end"/>.</summary>
    public void Trim(int end)
    {
        int pages = PagesOf(end);
        for (int i = _pages.Count - 1; i >= pages; i--)
        {
            _pages[i].Dispose();
            _pages.RemoveAt(i);
        }
    }

    public override void Write(int head, int position, ReadOnlySpan<float> key, ReadOnlySpan<float> value)
    {
        int offset = ((head * PagePositions) + (position % PagePositions)) * HeadDim;
        key.CopyTo(_pages[position / PagePositions].Keys(offset, HeadDim));
        value.CopyTo(_pages[position / PagePositions].Values(offset, HeadDim));
    }

    public override int Run(int head, int position, int end, out ReadOnlySpan<float> keys, out ReadOnlySpan<float> values)
    {
        int slot = position % PagePositions, run = Math.Min(end - position, PagePositions - slot);
        int offset = ((head * PagePositions) + slot) * HeadDim;
        keys = _pages[position / PagePositions].Keys(offset, run * HeadDim);
        values = _pages[position / PagePositions].Values(offset, run * HeadDim);
        return run;
    }

    public override void Dispose() => Trim(0);

    static int PagesOf(int positions) => (positions + PagePositions - 1) / PagePositions;

    long BytesOf(int pages) => 2L * sizeof(float) * pages * KvHeads * PagePositions * HeadDim;
}
