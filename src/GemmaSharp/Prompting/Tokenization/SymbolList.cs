using System.Buffers;

namespace GemmaSharp.Prompting.Tokenization;

/// <summary>The symbols of one piece of text while they are merged: a linked list in arrays, shortened from the lowest rank up.</summary>
/// <remarks>
/// Merging n symbols takes O(n log n): every merge is found in a heap, and an entry whose pair has changed since is recognised by
/// its rank. One thread; <see cref="Dispose"/> gives the memory back.
/// </remarks>
internal sealed class SymbolList(MergeTable merges) : IDisposable
{
    readonly MergeHeap _heap = new();
    int[] _ids = ArrayPool<int>.Shared.Rent(256);
    int[] _links = ArrayPool<int>.Shared.Rent(3 * 256);    // previous, next and the rank of (symbol, next), each as long as there are symbols
    int _count;

    /// <summary>Symbols not yet merged.</summary>
    public int Count => _count;

    /// <summary>Adds a symbol behind the others.</summary>
    public void Add(int id)
    {
        if (_count == _ids.Length)
        {
            int[] larger = ArrayPool<int>.Shared.Rent(2 * _count);
            _ids.AsSpan(0, _count).CopyTo(larger);
            ArrayPool<int>.Shared.Return(_ids);
            _ids = larger;
        }

        _ids[_count++] = id;
    }

    /// <summary>Merges until no two neighbours join, appends the result to <paramref name="destination"/> and empties the list.</summary>
    public void MergeInto(List<int> destination)
    {
        int count = _count;
        _count = 0;
        if (count < 2)
        {
            if (count == 1)
            {
                destination.Add(_ids[0]);
            }

            return;
        }

        if (_links.Length < 3L * count)
        {
            ArrayPool<int>.Shared.Return(_links);
            _links = ArrayPool<int>.Shared.Rent(checked(3 * count));
        }

        Span<int> ids = _ids.AsSpan(0, count);
        Span<int> previous = _links.AsSpan(0, count);
        Span<int> next = _links.AsSpan(count, count);
        Span<int> ranks = _links.AsSpan(2 * count, count);
        for (int i = 0; i < count; i++)
        {
            previous[i] = i - 1;
            next[i] = i + 1;
            ranks[i] = i + 1 < count ? merges.Rank(ids[i], ids[i + 1]) : MergeTable.None;
            if (ranks[i] != MergeTable.None)
            {
                _heap.Append(ranks[i], i);
            }
        }

        _heap.Order();
        while (_heap.Count > 0)
        {
            (int rank, int left) = _heap.Pop();
            if (ranks[left] != rank)
            {
                continue;
            }

            int right = next[left];
            int after = next[right];
            ids[left] = merges.Merged(rank);
            ranks[right] = MergeTable.None;
            next[left] = after;
            if (after < count)
            {
                previous[after] = left;
            }

            ranks[left] = after < count ? merges.Rank(ids[left], ids[after]) : MergeTable.None;
            Wait(ranks, left);
            int before = previous[left];
            if (before >= 0)
            {
                ranks[before] = merges.Rank(ids[before], ids[left]);
                Wait(ranks, before);
            }
        }

        for (int i = 0; i < count; i = next[i])
        {
            destination.Add(ids[i]);
        }
    }

    void Wait(ReadOnlySpan<int> ranks, int position)
    {
        if (ranks[position] != MergeTable.None)
        {
            _heap.Push(ranks[position], position);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _heap.Dispose();
        ArrayPool<int>.Shared.Return(_ids);
        ArrayPool<int>.Shared.Return(_links);
        _ids = [];
        _links = [];
    }
}
