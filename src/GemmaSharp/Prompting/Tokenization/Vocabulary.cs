using System.Text;

namespace GemmaSharp.Prompting.Tokenization;

/// <summary>Pieces and their ids in both directions: all spellings in one UTF-8 array, found by an open hash table of ids.</summary>
/// <remarks>
/// 262,144 pieces take about 6 MB here and take no object each. The table's hash is seeded per process, so a crafted file
/// cannot make all pieces collide. Filled by one thread; once filled, any thread may read.
/// </remarks>
internal sealed class Vocabulary
{
    /// <summary>Ids stay below this, so that a file of a few bytes cannot ask for gigabytes; the real vocabulary has 262,400.</summary>
    public const int IdLimit = 1 << 22;

    byte[] _text = new byte[1 << 12];
    int[] _start = new int[1 << 9];    // by id; valid where _length is not -1
    int[] _length = NewFilled(1 << 9);
    int[] _slots = NewFilled(1 << 10);
    int _textLength;
    readonly HashSet<int> _outsideModel = [];

    /// <summary>Pieces held.</summary>
    public int Count { get; private set; }

    /// <summary>One more than the largest id.</summary>
    public int Size { get; private set; }

    /// <summary>Adds a piece of an added token that the model's own vocabulary lacks: it is matched in text, never made by merging.</summary>
    /// <inheritdoc cref="TryAdd"/>
    public bool TryAddOutsideModel(ReadOnlySpan<byte> piece, int id) => TryAdd(piece, id) && _outsideModel.Add(id);

    /// <summary>Adds a piece.</summary>
    /// <returns>Whether neither the piece nor the id was there before.</returns>
    public bool TryAdd(ReadOnlySpan<byte> piece, int id)
    {
        if (Contains(id) || TryGetId(piece, out _))
        {
            return false;
        }

        if (id >= _start.Length)
        {
            int capacity = Math.Max(id + 1, 2 * _start.Length);
            int old = _start.Length;
            Array.Resize(ref _start, capacity);
            Array.Resize(ref _length, capacity);
            _length.AsSpan(old).Fill(-1);
        }

        if (_text.Length - _textLength < piece.Length)
        {
            Array.Resize(ref _text, Math.Max(checked(_textLength + piece.Length), (int)Math.Min(2L * _text.Length, Array.MaxLength)));
        }

        piece.CopyTo(_text.AsSpan(_textLength));
        _start[id] = _textLength;
        _length[id] = piece.Length;
        _textLength += piece.Length;
        Size = Math.Max(Size, id + 1);
        Count++;
        if (2 * Count > _slots.Length)
        {
            Rehash(2 * _slots.Length);
        }
        else
        {
            _slots[FreeSlot(piece)] = id;
        }

        return true;
    }

    /// <summary>Whether an id has a piece.</summary>
    public bool Contains(int id) => (uint)id < (uint)_length.Length && _length[id] >= 0;

    /// <summary>The UTF-8 spelling of an id that <see cref="Contains"/> knows.</summary>
    public ReadOnlySpan<byte> this[int id] => _text.AsSpan(_start[id], _length[id]);

    /// <summary>Looks a piece up by its UTF-8 spelling.</summary>
    public bool TryGetId(ReadOnlySpan<byte> piece, out int id)
    {
        int mask = _slots.Length - 1;
        for (int slot = Hash(piece) & mask; (id = _slots[slot]) >= 0; slot = (slot + 1) & mask)
        {
            if (this[id].SequenceEqual(piece))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Looks a piece of the model's own vocabulary up by its UTF-8 spelling.</summary>
    public bool TryGetModelId(ReadOnlySpan<byte> piece, out int id) => TryGetId(piece, out id) && !_outsideModel.Contains(id);

    /// <summary>Looks a piece up by its spelling.</summary>
    public bool TryGetId(ReadOnlySpan<char> piece, out int id)
    {
        int bytes = Encoding.UTF8.GetMaxByteCount(piece.Length);
        Span<byte> utf8 = bytes <= 256 ? stackalloc byte[256] : new byte[bytes];
        return TryGetId(utf8[..Encoding.UTF8.GetBytes(piece, utf8)], out id);
    }

    void Rehash(int slots)
    {
        _slots = NewFilled(slots);
        for (int id = 0; id < Size; id++)
        {
            if (_length[id] >= 0)
            {
                _slots[FreeSlot(this[id])] = id;
            }
        }
    }

    int FreeSlot(ReadOnlySpan<byte> piece)
    {
        int mask = _slots.Length - 1;
        int slot = Hash(piece) & mask;
        while (_slots[slot] >= 0)
        {
            slot = (slot + 1) & mask;
        }

        return slot;
    }

    static int Hash(ReadOnlySpan<byte> piece)
    {
        HashCode hash = new();
        hash.AddBytes(piece);
        return hash.ToHashCode();
    }

    static int[] NewFilled(int length)
    {
        int[] array = new int[length];
        array.AsSpan().Fill(-1);
        return array;
    }
}
