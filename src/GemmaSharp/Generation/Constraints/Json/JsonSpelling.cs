using System.Globalization;
using System.Text;

namespace GemmaSharp.Generation.Constraints.Json;

/// <summary>How JSON spells texts, numbers and what stands between them, as expressions.</summary>
/// <remarks>
/// In values every character may be spelled in every way JSON knows: as itself, by a short escape, by <c>\uXXXX</c>. Names of properties are spelled in one way
/// only, so that a name can be told from others by its spelling. Not thread-safe.
/// </remarks>
/// <param name="expressions">Where they are made.</param>
/// <param name="whitespace">What may stand between tokens.</param>
sealed class JsonSpelling(Expressions expressions, JsonWhitespace whitespace)
{
    static readonly (int Character, char Escape)[] s_escapes =
        [('"', '"'), ('\\', '\\'), ('/', '/'), (8, 'b'), (12, 'f'), (10, 'n'), (13, 'r'), (9, 't')];

    static readonly CodePointSet s_raw = CodePointSet.Of((0x20, 0x21), (0x23, 0x5B), (0x5D, CodePointSet.Last));

    readonly Dictionary<CodePointSet, int> _values = [];
    readonly Dictionary<CodePointSet, int> _names = [];

    /// <summary>What may stand between tokens: at most a line end and sixteen spaces, since a model that may go on with spaces for ever does.</summary>
    public int Space { get; } = whitespace == JsonWhitespace.Compact
        ? expressions.Empty
        : expressions.Concat(
            expressions.Repeat(expressions.Literal("\n"u8), 0, 1),
            expressions.Repeat(expressions.Literal(" "u8), 0, 16));

    /// <summary>One character of a set in a value.</summary>
    public int InValue(CodePointSet set)
    {
        if (!_values.TryGetValue(set, out int known))
        {
            List<int> ways = [expressions.CodePoints(set.Intersect(s_raw)), .. ShortEscapes(set, withSlash: true)];
            AddHexadecimal(set, ways);
            _values.Add(set, known = expressions.Or([.. ways]));
        }

        return known;
    }

    /// <summary>One character of a set in a name.</summary>
    public int InName(CodePointSet set)
    {
        if (!_names.TryGetValue(set, out int known))
        {
            List<int> ways = [expressions.CodePoints(set.Intersect(s_raw)), .. ShortEscapes(set, withSlash: false)];
            AddHexadecimal(set.Intersect(CodePointSet.Of((0, 7), (11, 11), (14, 31))), ways);
            _names.Add(set, known = expressions.Or([.. ways]));
        }

        return known;
    }

    /// <summary>A text between its quotes, spelled in the one way of <see cref="InName"/>.</summary>
    public int Literal(string text) => expressions.Literal(Encoding.UTF8.GetBytes(Spell(text)));

    /// <summary>A text between its quotes, spelled in every way.</summary>
    public int EverySpelling(string text) =>
        expressions.Concat([.. text.EnumerateRunes().Select(rune => InValue(CodePointSet.Single(rune.Value)))]);

    /// <summary>The one spelling of <see cref="Literal"/>.</summary>
    public static string Spell(string text)
    {
        var spelled = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            int escape = Array.FindIndex(s_escapes, each => each.Character == rune.Value && each.Escape != '/');
            if (escape >= 0)
            {
                spelled.Append('\\').Append(s_escapes[escape].Escape);
            }
            else if (rune.Value < 0x20)
            {
                spelled.Append(CultureInfo.InvariantCulture, $"\\u{rune.Value:x4}");
            }
            else
            {
                spelled.Append(rune.ToString());
            }
        }

        return spelled.ToString();
    }

    /// <summary>In quotes.</summary>
    public int Quoted(int content) => expressions.Concat(expressions.Literal("\""u8), content, expressions.Literal("\""u8));

    /// <summary>A token of punctuation with what may stand on either side.</summary>
    public int Token(ReadOnlySpan<byte> token, bool before = true, bool after = true) =>
        expressions.Concat(before ? Space : expressions.Empty, expressions.Literal(token), after ? Space : expressions.Empty);

    IEnumerable<int> ShortEscapes(CodePointSet set, bool withSlash)
    {
        foreach ((int character, char escape) in s_escapes)
        {
            if (set.Contains(character) && (withSlash || escape != '/'))
            {
                yield return expressions.Literal([(byte)'\\', (byte)escape]);
            }
        }
    }

    void AddHexadecimal(CodePointSet set, List<int> ways)
    {
        int escape = expressions.Literal("\\u"u8);
        foreach ((int first, int last) in set.Ranges)
        {
            if (first <= 0xFFFF)
            {
                ways.Add(expressions.Concat(escape, Digits(first, Math.Min(last, 0xFFFF), 4)));
            }

            // Pairs of surrogates: the first changes every 1024 characters.
            for (int from = Math.Max(first, 0x10000); from <= last;)
            {
                int block = (from - 0x10000) >> 10, to = Math.Min(last, 0x10000 + (block << 10) + 0x3FF);
                int highest = block;
                if ((from & 0x3FF) == 0 && last - from >= 0x3FF)
                {
                    // Whole blocks share their second halves.
                    highest = ((last + 1 - 0x10000) >> 10) - 1;
                    to = 0x10000 + (highest << 10) + 0x3FF;
                }

                int low = (from & 0x3FF) == 0 && highest > block ? 0xDC00 : 0xDC00 | (from & 0x3FF);
                int lowEnd = highest > block ? 0xDFFF : 0xDC00 | (to & 0x3FF);
                ways.Add(expressions.Concat(escape, Digits(0xD800 + block, 0xD800 + highest, 4), escape, Digits(low, lowEnd, 4)));
                from = to + 1;
            }
        }
    }

    /// <summary>Hexadecimal numbers of so many digits in either case.</summary>
    int Digits(int first, int last, int digits)
    {
        if (digits == 0)
        {
            return expressions.Empty;
        }

        int shift = 4 * (digits - 1), mask = (1 << shift) - 1;
        int from = first >> shift, to = last >> shift;
        if (from == to)
        {
            return expressions.Concat(Digit(from, to), Digits(first & mask, last & mask, digits - 1));
        }

        var ways = new List<int>();
        if ((first & mask) != 0)
        {
            ways.Add(expressions.Concat(Digit(from, from), Digits(first & mask, mask, digits - 1)));
            from++;
        }

        if ((last & mask) != mask)
        {
            ways.Add(expressions.Concat(Digit(to, to), Digits(0, last & mask, digits - 1)));
            to--;
        }

        if (from <= to)
        {
            ways.Add(expressions.Concat(Digit(from, to), expressions.Repeat(Digit(0, 15), digits - 1, digits - 1)));
        }

        return expressions.Or([.. ways]);
    }

    int Digit(int first, int last)
    {
        ByteSet set = default;
        for (int digit = first; digit <= last; digit++)
        {
            set |= digit < 10 ? ByteSet.Range('0' + digit, '0' + digit)
                : ByteSet.Range('a' + digit - 10, 'a' + digit - 10) | ByteSet.Range('A' + digit - 10, 'A' + digit - 10);
        }

        return expressions.Set(set);
    }
}
