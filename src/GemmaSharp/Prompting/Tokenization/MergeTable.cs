namespace GemmaSharp.Prompting.Tokenization;

/// <summary>The merges of byte-pair encoding: which two neighbouring pieces join, how early, and into what.</summary>
/// <remarks>
/// An open hash table of 16-byte entries, one cache line for most look-ups; 514,906 merges take 16 MB. Filled by one thread; once
/// filled, any thread may read.
/// </remarks>
internal sealed class MergeTable
{
    /// <summary>The rank of two pieces that do not join: later than every merge.</summary>
    public const int None = int.MaxValue;

    Entry[] _entries = NewEntries(1 << 10);
    int[] _merged = new int[1 << 9];    // by rank
    int _used;

    /// <summary>Merges in the file, repeated ones included.</summary>
    public int Count { get; private set; }

    /// <summary>Adds the next merge. A pair that was there before takes the later rank, as in the reference.</summary>
    public void Add(int left, int right, int merged)
    {
        if (Count == _merged.Length)
        {
            Array.Resize(ref _merged, 2 * Count);
        }

        _merged[Count] = merged;
        if (2 * (_used + 1) > _entries.Length)
        {
            Grow();
        }

        ref Entry entry = ref Find(_entries, left, right);
        _used += entry.Rank == None ? 1 : 0;
        entry = new Entry(left, right, Count++);
    }

    /// <summary>When <paramref name="left"/> and <paramref name="right"/> join, or <see cref="None"/>.</summary>
    public int Rank(int left, int right) => Find(_entries, left, right).Rank;

    /// <summary>What the merge of a rank makes.</summary>
    public int Merged(int rank) => _merged[rank];

    /// <summary>All merges in the order of their ranks; of a pair that is there twice, the later.</summary>
    public IEnumerable<(int Left, int Right, int Merged)> InOrder() =>
        _entries.Where(entry => entry.Rank != None).OrderBy(entry => entry.Rank).Select(entry => (entry.Left, entry.Right, _merged[entry.Rank]));

    void Grow()
    {
        Entry[] larger = NewEntries(2 * _entries.Length);
        foreach (Entry entry in _entries)
        {
            if (entry.Rank != None)
            {
                Find(larger, entry.Left, entry.Right) = entry;
            }
        }

        _entries = larger;
    }

    static ref Entry Find(Entry[] entries, int left, int right)
    {
        int mask = entries.Length - 1;
        int slot = HashCode.Combine(left, right) & mask;
        while (true)
        {
            ref Entry entry = ref entries[slot];
            if (entry.Rank == None || (entry.Left == left && entry.Right == right))
            {
                return ref entry;
            }

            slot = (slot + 1) & mask;
        }
    }

    static Entry[] NewEntries(int length)
    {
        Entry[] entries = new Entry[length];
        entries.AsSpan().Fill(new Entry(0, 0, None));
        return entries;
    }

    readonly record struct Entry(int Left, int Right, int Rank);
}
