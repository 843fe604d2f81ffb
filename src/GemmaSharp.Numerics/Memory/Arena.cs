namespace GemmaSharp.Numerics.Memory;

/// <summary>Scratch memory that is taken piece by piece and given back all at once, down to a mark.</summary>
/// <remarks>
/// <para>
/// Every temporary has its own place, and where the same pieces are taken again after a <see cref="Release"/> they get the same places, so caches stay warm.
/// Memory grows while it is used and is put together by <see cref="Reset"/>: from the second pass of the same size on nothing is allocated.
/// </para>
/// <para>A failed allocation throws and leaves the arena as it was. Contents are undefined. One user at a time; not synchronised.</para>
/// </remarks>
/// <param name="isRehearsal">Whether memory is only counted: what nobody touches then takes none.</param>
sealed unsafe class Arena(bool isRehearsal = false) : IDisposable
{
    // Pieces begin on cache lines.
    const long Alignment = 16;

    /// <summary>Floats of the smallest block: 4 MB, so that a pass of small pieces does not end up with hundreds of blocks.</summary>
    const long SmallestBlock = 1 << 20;

    readonly List<NativeArray<float>> _blocks = [];
    int _block;
    long _used;
    long _before;
    long _peak;

    /// <summary>Bytes held.</summary>
    public long Bytes { get; private set; }

    /// <summary>Where the next piece begins.</summary>
    public Mark Position => new(_block, _used, _before);

    /// <summary>Takes floats; they are undefined.</summary>
    /// <param name="count">How many, 0 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative.</exception>
    /// <exception cref="OutOfMemoryException">The system has no such amount; everything taken is still there.</exception>
    public Floats Take(long count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        long size = (count + Alignment - 1) / Alignment * Alignment;
        (int block, long used, long before) = (_block, _used, _before);
        while (block < _blocks.Count && size > _blocks[block].Length - used)
        {
            before += used;
            used = 0;
            block++;
        }

        if (block == _blocks.Count)
        {
            // Where nothing lies yet, what is too small makes room for what grows, instead of lying idle beside it.
            (block, before) = _used == 0 ? (_block, _before) : (_block + 1, _before + _used);
            Free(block);
            Grow(size);
        }

        var taken = new Floats(_blocks[block].Pointer + used, count);
        (_block, _used, _before) = (block, used + size, before);
        _peak = Math.Max(_peak, before + used + size);
        return taken;
    }

    /// <summary>Gives back everything taken since a mark.</summary>
    public void Release(Mark mark) => (_block, _used, _before) = (mark.Block, mark.Used, mark.Before);

    /// <summary>Gives back everything, and joins memory that grew in parts.</summary>
    public void Reset()
    {
        Release(default);
        if (_blocks.Count > 1)
        {
            Free(0);
        }
    }

    /// <summary>Frees the memory; the arena can be used again.</summary>
    public void Dispose()
    {
        Release(default);
        Free(0);
        _peak = 0;
    }

    void Grow(long size)
    {
        size = Math.Max(size, SmallestBlock);
        if (_blocks.Count == 0 && _peak > size)
        {
            try
            {
                // All that the passes before ever needed, in one.
                Add(_peak);
                return;
            }
            catch (OutOfMemoryException)
            {
                // There was more memory then: perhaps this pass needs less.
                _peak = 0;
            }
        }

        Add(size);
    }

    void Add(long length)
    {
        var block = new NativeArray<float>(length, clear: !isRehearsal);
        _blocks.Add(block);
        Bytes += length * sizeof(float);
    }

    void Free(int first)
    {
        for (int i = _blocks.Count - 1; i >= first; i--)
        {
            Bytes -= _blocks[i].Length * sizeof(float);
            _blocks[i].Dispose();
            _blocks.RemoveAt(i);
        }
    }

    /// <summary>A position in an arena.</summary>
    public readonly struct Mark
    {
        internal Mark(int block, long used, long before) => (Block, Used, Before) = (block, used, before);

        internal int Block { get; }

        internal long Used { get; }

        internal long Before { get; }
    }
}
