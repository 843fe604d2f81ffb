using System.Buffers;
using System.Globalization;
using System.Text;

namespace GemmaSharp.Prompting.Tokenization;

/// <summary>Finds added tokens in a text: the leftmost first, the longest of those that begin there.</summary>
/// <remarks>
/// A trie whose nodes lie in arrays, children of a node side by side. Source: tokenizers, <c>added_vocabulary.rs</c>,
/// <c>find_matches</c>. Immutable, thread-safe.
/// </remarks>
internal sealed class AddedTokenMatcher
{
    /// <summary>Added tokens are at most this long: a bound on the work per character of text.</summary>
    public const int LengthLimit = 1024;

    readonly AddedToken[] _tokens;
    readonly SearchValues<char> _firsts;
    readonly char[] _character;     // of node i, which its parent is left by
    readonly int[] _children;       // children of node i are _children[i].._children[i + 1]
    readonly int[] _token;          // index into _tokens of what ends at node i, or -1

    /// <summary>Builds the trie.</summary>
    /// <param name="tokens">Tokens with different, non-empty contents.</param>
    public AddedTokenMatcher(IEnumerable<AddedToken> tokens)
    {
        _tokens = [.. tokens.OrderBy(token => token.Content, StringComparer.Ordinal)];
        _firsts = SearchValues.Create(_tokens.Select(token => token.Content[0]).Distinct().ToArray());

        // Breadth first over ranges of the sorted tokens that share a prefix: siblings get neighbouring numbers.
        List<char> characters = ['\0'];
        List<int> children = [], ends = [];
        Queue<(int First, int Last, int Depth)> ranges = new([(0, _tokens.Length, 0)]);
        while (ranges.TryDequeue(out (int First, int Last, int Depth) range))
        {
            (int first, int last, int depth) = range;
            children.Add(characters.Count);
            bool endsHere = first < last && _tokens[first].Content.Length == depth;
            ends.Add(endsHere ? first++ : -1);
            while (first < last)
            {
                char character = _tokens[first].Content[depth];
                int end = first + 1;
                while (end < last && _tokens[end].Content[depth] == character)
                {
                    end++;
                }

                characters.Add(character);
                ranges.Enqueue((first, end, depth + 1));
                first = end;
            }
        }

        children.Add(characters.Count);
        (_character, _children, _token) = ([.. characters], [.. children], [.. ends]);
    }

    /// <summary>Whether there is nothing to find.</summary>
    public bool IsEmpty => _tokens.Length == 0;

    /// <summary>Finds the next token.</summary>
    /// <param name="text">The whole text.</param>
    /// <param name="position">Where to look from; afterwards, where to look from next time.</param>
    /// <param name="taken">Characters before this belong to the previous match.</param>
    /// <param name="allowControl">Whether control tokens count; where not, their spelling is passed over.</param>
    /// <param name="match">The match.</param>
    public bool TryFind(ReadOnlySpan<char> text, ref int position, int taken, bool allowControl, out AddedTokenMatch match)
    {
        while (true)
        {
            int skip = text[position..].IndexOfAny(_firsts);
            if (skip < 0)
            {
                match = default;
                return false;
            }

            int start = position + skip;
            int index = Longest(text[start..]);
            if (index < 0)
            {
                position = start + 1;
                continue;
            }

            AddedToken token = _tokens[index];
            int end = start + token.Content.Length;
            position = end;
            if ((token.Control && !allowControl)
                || (token.SingleWord && (EndsWithWord(text[..start]) || StartsWithWord(text[end..]))))
            {
                continue;
            }

            if (token.StripLeft)
            {
                start = Math.Max(text[..start].TrimEnd().Length, taken);
            }

            if (token.StripRight)
            {
                end = text.Length - text[end..].TrimStart().Length;
            }

            match = new AddedTokenMatch(token.Id, start, end);
            return true;
        }
    }

    int Longest(ReadOnlySpan<char> text)
    {
        int found = -1;
        int node = 0;
        foreach (char character in text)
        {
            int first = _children[node];
            int child = _character.AsSpan(first, _children[node + 1] - first).BinarySearch(character);
            if (child < 0)
            {
                break;
            }

            node = first + child;
            found = _token[node] >= 0 ? _token[node] : found;
        }

        return found;
    }

    static bool StartsWithWord(ReadOnlySpan<char> text) =>
        !text.IsEmpty && Rune.DecodeFromUtf16(text, out Rune rune, out _) == OperationStatus.Done && IsWord(rune);

    static bool EndsWithWord(ReadOnlySpan<char> text) =>
        !text.IsEmpty && Rune.DecodeLastFromUtf16(text, out Rune rune, out _) == OperationStatus.Done && IsWord(rune);

    // The \w of regular expressions: letters, marks, decimal digits and connectors.
    static bool IsWord(Rune rune) => Rune.IsLetter(rune) || Rune.GetUnicodeCategory(rune) is
        UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark
        or UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.ConnectorPunctuation;
}

/// <summary>An entry of <c>added_tokens</c>: a piece that is found in the text before byte-pair encoding sees it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">The text it stands for.</param>
/// <param name="Special">Whether decoding may leave it out.</param>
/// <param name="Normalized">Whether it is looked for after the normalizer ran, instead of in the raw text.</param>
/// <param name="StripLeft">Whether it takes whitespace before it along.</param>
/// <param name="StripRight">Whether it takes whitespace behind it along.</param>
/// <param name="SingleWord">Whether it counts only where no letter or digit touches it.</param>
internal sealed record AddedToken(
    int Id, string Content, bool Special, bool Normalized, bool StripLeft, bool StripRight, bool SingleWord)
{
    /// <summary>Whether the token steers the model, so that text of a user must not be able to spell it.</summary>
    public bool Control { get; init; } = Special;
}

/// <summary>An added token found in a text.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Start">First character, whitespace it takes along included.</param>
/// <param name="End">The character behind it.</param>
internal readonly record struct AddedTokenMatch(int Id, int Start, int End);
