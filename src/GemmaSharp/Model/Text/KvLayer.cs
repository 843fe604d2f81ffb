using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Model.Text;

/// <summary>Keys (after norm and RoPE) and values (after norm) of one layer and one sequence.</summary>
/// <remarks>Rows of one head are contiguous, so a query streams through them. Owned by one <see cref="KvCache"/>.</remarks>
abstract class KvLayer(KvLayout layout, KvLedger? ledger) : IDisposable
{
    protected int KvHeads { get; } = layout.KvHeads;

    /// <summary>How keys and values are stored.</summary>
    protected ElementType Type { get; } = layout.Type;

    /// <summary>Bytes of one head's key or value.</summary>
    protected int RowBytes { get; } = layout.HeadDim * layout.Type.SizeInBytes();

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

    /// <summary>Stores one head's key and value, each <c>[d]</c>, rounded to <see cref="Type"/>. Different positions may be written at once.</summary>
    public abstract void Write(int head, int position, ReadOnlySpan<float> key, ReadOnlySpan<float> value);

    /// <summary>The longest contiguous run of stored rows from <paramref name="position"/> on.</summary>
    /// <param name="head">Key-value head.</param>
    /// <param name="position">First position wanted.</param>
    /// <param name="end">One past the last position wanted.</param>
    /// <param name="keys">Receives <c>[run, d]</c>.</param>
    /// <param name="values">Receives <c>[run, d]</c>.</param>
    /// <returns>The run's length, at least 1.</returns>
    public abstract int Run(int head, int position, int end, out StoredRows keys, out StoredRows values);

    public abstract void Dispose();
}

/// <summary>A ring for layers with a sliding window: the window plus one step's rows, whatever the length of the sequence.</summary>
/// <remarks>
/// A step of S rows needs the W − 1 positions before it and its own S; a ring of W − 1 + S slots therefore holds all keys that any row of the step sees,
/// and lets the sequence be rewound by up to S positions afterwards. It grows by doubling until it has that size, so short conversations stay small.
/// </remarks>
sealed class SlidingKvLayer(KvLayout layout, int maxStepRows, KvLedger? ledger = null) : KvLayer(layout, ledger)
{
    const int FirstCapacity = 64;
    readonly int _window = layout.SlidingWindow;
    readonly int _fullCapacity = layout.SlidingWindow - 1 + maxStepRows;
    NativeArray<byte>? _keys;
    NativeArray<byte>? _values;
    int _capacity;

    public override long Bytes => BytesOf(_capacity);

    public override int FirstVisible(int position) => Math.Max(0, position - _window + 1);

    public override void Reserve(int start, int end)
    {
        int capacity = Capacity(end);
        if (capacity == _capacity)
        {
            return;
        }

        // Both or neither: keys of one stride beside values of another would be read as each other's.
        NativeArray<byte> keys = Grown(_keys, capacity);
        NativeArray<byte> values;
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
                    ring.Run(head, position, length, out StoredRows keys, out StoredRows values), _capacity - (position % _capacity));
                long offset = (((long)head * _capacity) + (position % _capacity)) * RowBytes;
                keys.Bytes[..(run * RowBytes)].CopyTo(_keys!.Slice(offset, run * RowBytes));
                values.Bytes[..(run * RowBytes)].CopyTo(_values!.Slice(offset, run * RowBytes));
                position += run;
            }
        }
    }

    public override long CountOnce(long count) => Bytes;

    public override void Write(int head, int position, ReadOnlySpan<float> key, ReadOnlySpan<float> value)
    {
        long offset = (((long)head * _capacity) + (position % _capacity)) * RowBytes;
        StoredFloats.Write(key, Type, _keys!.Slice(offset, RowBytes));
        StoredFloats.Write(value, Type, _values!.Slice(offset, RowBytes));
    }

    public override int Run(int head, int position, int end, out StoredRows keys, out StoredRows values)
    {
        int slot = position % _capacity, run = Math.Min(end - position, _capacity - slot);
        long offset = (((long)head * _capacity) + slot) * RowBytes;
        keys = new(_keys!.Slice(offset, run * RowBytes), Type);
        values = new(_values!.Slice(offset, run * RowBytes), Type);
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

    long BytesOf(int slots) => 2L * KvHeads * slots * RowBytes;

    /// <summary>A longer copy. Before the ring has its full size no position has wrapped, so slots keep their numbers.</summary>
    NativeArray<byte> Grown(NativeArray<byte>? old, int capacity)
    {
        var grown = new NativeArray<byte>((long)KvHeads * capacity * RowBytes);
        if (old is not null)
        {
            for (int head = 0; head < KvHeads; head++)
            {
                old.Slice((long)head * _capacity * RowBytes, _capacity * RowBytes).CopyTo(grown.Slice((long)head * capacity * RowBytes, _capacity * RowBytes));
            }
        }

        return grown;
    }
}

/// <summary>Pages for layers with full attention: memory grows with the sequence, and sequences with a common beginning share its pages.</summary>
sealed class FullKvLayer(KvLayout layout, KvLedger? ledger = null) : KvLayer(layout, ledger)
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
            _pages.Add(new KvPage(KvHeads * PagePositions * RowBytes, Ledger));
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
        int offset = ((head * PagePositions) + (position % PagePositions)) * RowBytes;
        StoredFloats.Write(key, Type, _pages[position / PagePositions].Keys(offset, RowBytes));
        StoredFloats.Write(value, Type, _pages[position / PagePositions].Values(offset, RowBytes));
    }

    public override int Run(int head, int position, int end, out StoredRows keys, out StoredRows values)
    {
        int slot = position % PagePositions, run = Math.Min(end - position, PagePositions - slot);
        int offset = ((head * PagePositions) + slot) * RowBytes;
        keys = new(_pages[position / PagePositions].Keys(offset, run * RowBytes), Type);
        values = new(_pages[position / PagePositions].Values(offset, run * RowBytes), Type);
        return run;
    }

    public override void Dispose() => Trim(0);

    static int PagesOf(int positions) => (positions + PagePositions - 1) / PagePositions;

    long BytesOf(int pages) => 2L * pages * KvHeads * PagePositions * RowBytes;
}
