using System.Buffers;

namespace GemmaSharp.Prompting.Tokenization;

/// <summary>The waiting merges of one text, earliest rank first and leftmost first among equals.</summary>
/// <remarks>A binary heap of <c>rank · 2³² + position</c>. One thread; <see cref="Dispose"/> gives the memory back.</remarks>
internal sealed class MergeHeap : IDisposable
{
    ulong[] _items = ArrayPool<ulong>.Shared.Rent(256);

    /// <summary>Merges waiting.</summary>
    public int Count { get; private set; }

    /// <summary>Puts a merge at the end, in no order: <see cref="Order"/> must follow before the first <see cref="Pop"/>.</summary>
    public void Append(int rank, int position)
    {
        if (Count == _items.Length)
        {
            ulong[] larger = ArrayPool<ulong>.Shared.Rent(2 * Count);
            _items.AsSpan(0, Count).CopyTo(larger);
            ArrayPool<ulong>.Shared.Return(_items);
            _items = larger;
        }

        _items[Count++] = ((ulong)(uint)rank << 32) | (uint)position;
    }

    /// <summary>Makes a heap of what was appended, in linear time.</summary>
    public void Order()
    {
        for (int i = (Count >> 1) - 1; i >= 0; i--)
        {
            SiftDown(i, _items[i]);
        }
    }

    /// <summary>Adds a merge.</summary>
    public void Push(int rank, int position)
    {
        Append(rank, position);
        int i = Count - 1;
        ulong item = _items[i];
        while (i > 0 && item < _items[(i - 1) >> 1])
        {
            _items[i] = _items[(i - 1) >> 1];
            i = (i - 1) >> 1;
        }

        _items[i] = item;
    }

    /// <summary>Takes the first merge out of a heap that is not empty.</summary>
    public (int Rank, int Position) Pop()
    {
        ulong first = _items[0];
        ulong last = _items[--Count];
        if (Count > 0)
        {
            SiftDown(0, last);
        }

        return ((int)(first >> 32), (int)(uint)first);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        ArrayPool<ulong>.Shared.Return(_items);
        _items = [];
        Count = 0;
    }

    void SiftDown(int i, ulong item)
    {
        Span<ulong> items = _items.AsSpan(0, Count);
        for (int child; (child = (2 * i) + 1) < items.Length; i = child)
        {
            if (child + 1 < items.Length && items[child + 1] < items[child])
            {
                child++;
            }

            if (item <= items[child])
            {
                break;
            }

            items[i] = items[child];
        }

        items[i] = item;
    }
}
