namespace GemmaSharp.Model.Text;

/// <summary>What one sequence remembers between steps: keys and values of every layer that owns some.</summary>
/// <remarks>
/// Sliding layers are rings, full layers grow by pages, KV-shared layers hold nothing. Not thread-safe: one step at a time may use a cache.
/// Make it with <see cref="TextModel.NewCache"/>; <see cref="Dispose"/> frees its native memory.
/// </remarks>
sealed class KvCache : IDisposable
{
    readonly KvLayer[] _layers;
    readonly KvLayout _layout;

    /// <summary>Positions below this have been overwritten in the rings.</summary>
    int _oldest;

    internal KvCache(KvLayout layout, int maxStepRows, KvLedger? ledger)
    {
        _layout = layout;
        MaxStepRows = maxStepRows;
        _layers = new KvLayer[layout.FirstShared];
        for (int l = 0; l < _layers.Length; l++)
        {
            _layers[l] = layout.IsSliding(l)
                ? new SlidingKvLayer(layout, maxStepRows, ledger)
                : new FullKvLayer(layout, ledger);
        }
    }

    /// <summary>Positions seen so far; the next token's position.</summary>
    public int Length { get; private set; }

    /// <summary>The most rows that one step may add.</summary>
    public int MaxStepRows { get; }

    /// <summary>Bytes of native memory held, those shared with others included.</summary>
    public long Bytes => _layers.Sum(layer => layer.Bytes);

    internal KvLayer Layer(int index) => _layers[index];

    /// <summary>Makes room for <paramref name="count"/> more positions without counting them as seen: what may fail of <see cref="Extend"/>.</summary>
    /// <exception cref="OutOfMemoryException">There is no room; nothing that is stored has changed.</exception>
    internal void Reserve(int count)
    {
        int end = checked(Length + count);
        foreach (KvLayer layer in _layers)
        {
            layer.Reserve(Length, end);
        }
    }

    /// <summary>Bytes that <paramref name="count"/> more positions would take.</summary>
    public long Growth(int count)
    {
        long bytes = 0;
        foreach (KvLayer layer in _layers)
        {
            bytes += layer.Growth(Length, checked(Length + count));
        }

        return bytes;
    }

    /// <summary>The most bytes that a cache like this holds of a sequence of this length.</summary>
    public long MostBytes(int length)
    {
        long bytes = 0;
        foreach (KvLayer layer in _layers)
        {
            bytes += layer.MostBytes(length);
        }

        return bytes;
    }

    /// <summary>Of the bytes of a sequence of this length, those that it shares with another one of the same beginning.</summary>
    public long SharedBytes(int length)
    {
        long bytes = 0;
        foreach (KvLayer layer in _layers)
        {
            bytes += layer.SharedBytes(length);
        }

        return bytes;
    }

    /// <summary>Bytes held that a count has not come across yet, in this cache or in one that shares them.</summary>
    /// <param name="count">Another number for each count.</param>
    public long CountOnce(long count)
    {
        long bytes = 0;
        foreach (KvLayer layer in _layers)
        {
            bytes += layer.CountOnce(count);
        }

        return bytes;
    }

    /// <summary>Becomes the beginning of another sequence, as if its tokens had been computed here; what was here is forgotten.</summary>
    /// <param name="source">A cache of the same model, which stays as it is; <see cref="CanRewind"/> must hold for it.</param>
    /// <param name="length">Positions to take over.</param>
    /// <param name="share">Whether the two may share memory from now on; otherwise all is copied.</param>
    /// <exception cref="OutOfMemoryException">There is no room; this cache is then empty.</exception>
    public void TakeOver(KvCache source, int length, bool share)
    {
        Rewind(0);
        try
        {
            for (int l = 0; length > 0 && l < _layers.Length; l++)
            {
                _layers[l].TakeOver(source._layers[l], length, share);
            }
        }
        catch
        {
            Rewind(0);
            throw;
        }

        Length = length;
        _oldest = Math.Max(0, length - _layout.SlidingWindow + 1);
    }

    /// <summary>Makes room for <paramref name="count"/> more positions and counts them as seen.</summary>
    /// <exception cref="OutOfMemoryException">There is no room; nothing that is stored has changed.</exception>
    internal void Extend(int count)
    {
        Reserve(count);
        Length += count;
        _oldest = Math.Max(_oldest, Length - (_layout.SlidingWindow - 1 + MaxStepRows));
    }

    /// <summary>Whether the sequence can be cut back to its first <paramref name="length"/> positions with everything they see still stored.</summary>
    /// <remarks>
    /// Always true for 0; otherwise true as long as the rings still hold the window before that position, that is for about the last
    /// <see cref="MaxStepRows"/> positions at least.
    /// </remarks>
    public bool CanRewind(int length) =>
        length >= 0 && length <= Length && (length == 0 || _oldest <= Math.Max(0, length - _layout.SlidingWindow + 1));

    /// <summary>Forgets everything from position <paramref name="length"/> on.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><see cref="CanRewind"/> says no.</exception>
    public void Rewind(int length)
    {
        if (!CanRewind(length))
        {
            throw new ArgumentOutOfRangeException(
                nameof(length), length, $"The cache holds {Length} positions and its sliding layers start at {_oldest}; it can go back to 0 or near its end, "
                    + $"not to {length}: start over.");
        }

        Length = length;
        if (length == 0)
        {
            _oldest = 0;
        }

        foreach (KvLayer layer in _layers)
        {
            (layer as FullKvLayer)?.Trim(length);
        }
    }

    /// <summary>Frees the native memory.</summary>
    public void Dispose()
    {
        foreach (KvLayer layer in _layers)
        {
            layer.Dispose();
        }
    }
}
