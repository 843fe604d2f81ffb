using System.Text;

namespace GemmaSharp.Prompting.Tokenization;

/// <summary>Gathers which characters merges join to a following <c>▁</c>: before it, other text can be cut.</summary>
sealed class SpaceJoins
{
    readonly HashSet<char> _characters = [];

    /// <summary>Whether a piece of several characters joins one, so that nothing can be said.</summary>
    public bool AnyLong { get; set; }

    /// <summary>Whether a character does.</summary>
    public bool Contains(char character) => _characters.Contains(character);

    /// <summary>The characters, <c>▁</c> itself left out; null where longer pieces do it.</summary>
    public string? Characters => AnyLong ? null : string.Concat(_characters);

    /// <summary>Takes note of a merge.</summary>
    public void Add(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        if (right.StartsWith("▁"u8) && !left.EndsWith("▁"u8))
        {
            string text = Encoding.UTF8.GetString(left);
            AnyLong |= text.Length != 1;
            _characters.Add(text.Length == 0 ? BytePairEncoder.Space : text[^1]);
        }
    }
}
