using System.Numerics;

namespace GemmaSharp.Generation.Constraints;

/// <summary>A set of token ids as bits. Not thread-safe.</summary>
/// <param name="vocabulary">V.</param>
sealed class TokenMask(int vocabulary)
{
    readonly ulong[] _words = new ulong[(vocabulary + 63) / 64];

    /// <summary>64 ids to a word, the lowest in the lowest bit.</summary>
    public Span<ulong> Words => _words;

    /// <summary>Whether an id is in the set.</summary>
    public bool this[int id] => (_words[id >> 6] >> (id & 63) & 1) != 0;

    /// <summary>Adds an id.</summary>
    public void Add(int id) => _words[id >> 6] |= 1UL << (id & 63);

    /// <summary>The first id of the set from one on; past the end when there is none.</summary>
    public int Next(int id)
    {
        for (int word = id >> 6; word < _words.Length; word++, id = word << 6)
        {
            ulong rest = _words[word] >> (id & 63);
            if (rest != 0)
            {
                return id + BitOperations.TrailingZeroCount(rest);
            }
        }

        return int.MaxValue;
    }

    /// <summary>Takes an id out.</summary>
    public void Remove(int id) => _words[id >> 6] &= ~(1UL << (id & 63));

    /// <summary>Takes all ids out.</summary>
    public void Clear() => _words.AsSpan().Clear();
}
