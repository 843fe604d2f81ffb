namespace GemmaSharp.Prompting;

/// <summary>Encoded pictures and clips by the hash of their content, the least recently used dropped first.</summary>
/// <remarks>Shared by all sessions of a model; thread-safe.</remarks>
sealed class EncodingCache(long capacityBytes)
{
    readonly Lock _lock = new();
    readonly Dictionary<UInt128, LinkedListNode<(UInt128 Key, float[] Rows)>> _entries = [];
    readonly LinkedList<(UInt128 Key, float[] Rows)> _byUse = new();
    long _bytes;

    /// <summary>Bytes held.</summary>
    public long Bytes
    {
        get
        {
            lock (_lock)
            {
                return _bytes;
            }
        }
    }

    /// <summary>Finds an encoding.</summary>
    public bool TryGet(UInt128 key, out float[] rows)
    {
        lock (_lock)
        {
            if (_entries.TryGetValue(key, out LinkedListNode<(UInt128 Key, float[] Rows)>? node))
            {
                _byUse.Remove(node);
                _byUse.AddFirst(node);
                rows = node.Value.Rows;
                return true;
            }

            rows = [];
            return false;
        }
    }

    /// <summary>Keeps an encoding, and drops others until it fits.</summary>
    public void Add(UInt128 key, float[] rows)
    {
        lock (_lock)
        {
            if (_entries.ContainsKey(key) || Size(rows) > capacityBytes)
            {
                return;
            }

            _entries[key] = _byUse.AddFirst((key, rows));
            _bytes += Size(rows);
            while (_bytes > capacityBytes)
            {
                (UInt128 oldest, float[] dropped) = _byUse.Last!.Value;
                _byUse.RemoveLast();
                _entries.Remove(oldest);
                _bytes -= Size(dropped);
            }
        }
    }

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        lock (_lock)
        {
            _entries.Clear();
            _byUse.Clear();
            _bytes = 0;
        }
    }

    static long Size(float[] rows) => (long)rows.Length * sizeof(float);
}
