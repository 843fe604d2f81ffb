using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Model.Text;

/// <summary>Keys and values of some consecutive positions of one layer, which caches with a common beginning share.</summary>
/// <remarks>
/// A page that is shared is only read: who has to write copies it first. Taking and leaving a share is thread-safe; values are not synchronised, and only the
/// one owner writes them.
/// </remarks>
sealed class KvPage : IDisposable
{
    readonly NativeArray<byte> _keys;
    readonly NativeArray<byte> _values;
    readonly KvLedger? _ledger;
    int _owners = 1;

    /// <summary>Allocates a page.</summary>
    /// <param name="bytes">Bytes of its keys, and as many again of its values.</param>
    /// <param name="ledger">Counts its bytes; null for nobody.</param>
    /// <exception cref="OutOfMemoryException">There is no room.</exception>
    public KvPage(int bytes, KvLedger? ledger)
    {
        _keys = new NativeArray<byte>(bytes);
        try
        {
            _values = new NativeArray<byte>(bytes);
        }
        catch
        {
            _keys.Dispose();
            throw;
        }

        _ledger = ledger;
        _ledger?.Add(Bytes);
    }

    /// <summary>Bytes of native memory held.</summary>
    public long Bytes => _keys.Length + _values.Length;

    /// <summary>Whether more than one cache holds it.</summary>
    public bool IsShared => Volatile.Read(ref _owners) > 1;

    /// <summary>The last count that came across it, so that each counts it once.</summary>
    public long Mark { get; set; }

    /// <summary>Some of the keys.</summary>
    public Span<byte> Keys(int start, int length) => _keys.Slice(start, length);

    /// <summary>Some of the values.</summary>
    public Span<byte> Values(int start, int length) => _values.Slice(start, length);

    /// <summary>Takes a share of it.</summary>
    public KvPage Share()
    {
        Interlocked.Increment(ref _owners);
        return this;
    }

    /// <summary>Leaves it; the last to leave frees the memory.</summary>
    public void Dispose()
    {
        if (Interlocked.Decrement(ref _owners) == 0)
        {
            _ledger?.Add(-Bytes);
            _keys.Dispose();
            _values.Dispose();
        }
    }

    /// <summary>A copy that nobody shares.</summary>
    /// <exception cref="OutOfMemoryException">There is no room.</exception>
    public KvPage Copy(KvLedger? ledger)
    {
        var copy = new KvPage((int)_keys.Length, ledger);
        _keys.Span.CopyTo(copy._keys.Span);
        _values.Span.CopyTo(copy._values.Span);
        return copy;
    }
}
