using System.Globalization;
using System.Text;

namespace GemmaSharp.Generation.Constraints;

/// <summary>
/// Reads regular expressions: ECMAScript's syntax in Unicode mode, without what needs memory of the text (look-around, back references, word borders).
/// </summary>
/// <remarks>
/// What matches is a set of texts, so lazy and greedy quantifiers are the same. Anchors may stand where they are the beginning or the end of the whole pattern.
/// Character classes are those of ECMAScript: <c>\d</c>, <c>\w</c> ASCII, <c>\s</c> with Unicode's spaces. Never run by a backtracking engine.
/// </remarks>
sealed class RegexReader
{
    /// <summary>The longest pattern, in UTF-16 units.</summary>
    public const int LongestPattern = 100_000;

    /// <summary>The most groups inside each other.</summary>
    const int DeepestNesting = 200;

    /// <summary>The largest count of a quantifier.</summary>
    const int LargestCount = 1_000_000;

    static readonly CodePointSet s_digits = CodePointSet.Of(('0', '9'));
    static readonly CodePointSet s_word = CodePointSet.Of(('0', '9'), ('A', 'Z'), ('a', 'z'), ('_', '_'));
    static readonly CodePointSet s_spaces = CodePointSet.Of((9, 13), (' ', ' '), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029),
        (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF));
    static readonly CodePointSet s_noLineEnds = CodePointSet.Of((10, 10), (13, 13), (0x2028, 0x2029)).Complement();
    static readonly Dictionary<string, CodePointSet> s_categories = [];
    static readonly Lock s_categoriesLock = new();

    readonly Expressions _expressions;
    readonly Func<CodePointSet, int> _characters;
    readonly string _pattern;
    readonly bool _isSearch;
    int _at;
    int _depth;

    RegexReader(Expressions expressions, string pattern, bool isSearch, Func<CodePointSet, int> characters)
    {
        _expressions = expressions;
        _pattern = pattern;
        _isSearch = isSearch;
        _characters = characters;
    }

    /// <summary>The texts that a pattern matches.</summary>
    /// <param name="expressions">Where the expression is made.</param>
    /// <param name="pattern">The pattern.</param>
    /// <param name="isSearch">Whether it may match anywhere in the text, rather than from beginning to end.</param>
    /// <param name="characters">Makes the expression of one character out of a set; null for its UTF-8.</param>
    /// <exception cref="ConstraintException">The pattern is none, or uses what is not supported.</exception>
    public static int Read(Expressions expressions, string pattern, bool isSearch, Func<CodePointSet, int>? characters = null)
    {
        if (pattern.Length > LongestPattern)
        {
            throw new ConstraintException($"The pattern has {pattern.Length} characters; at most {LongestPattern} are read.");
        }

        var reader = new RegexReader(expressions, pattern, isSearch, characters ?? expressions.CodePoints);
        Node node = reader.Alternatives();
        if (reader._at < pattern.Length)
        {
            throw reader.Wrong("has a ) without its (");
        }

        return reader.Compile(node, isLeft: true, isRight: true);
    }

    Node Alternatives()
    {
        if (++_depth > DeepestNesting)
        {
            throw Wrong($"has more than {DeepestNesting} groups inside each other");
        }

        List<Node> alternatives = [Row()];
        while (TryTake('|'))
        {
            alternatives.Add(Row());
        }

        _depth--;
        return alternatives.Count == 1 ? alternatives[0] : new Node(NodeKind.Or, Parts: alternatives);
    }

    Node Row()
    {
        List<Node> parts = [];
        while (_at < _pattern.Length && _pattern[_at] is not ('|' or ')'))
        {
            parts.Add(Quantified(Atom()));
        }

        return parts.Count == 1 ? parts[0] : new Node(NodeKind.Row, Parts: parts);
    }

    Node Quantified(Node atom)
    {
        if (_at < _pattern.Length)
        {
            int min, max;
            int start = _at;
            switch (_pattern[_at])
            {
                case '*':
                    (min, max, _at) = (0, -1, _at + 1);
                    break;
                case '+':
                    (min, max, _at) = (1, -1, _at + 1);
                    break;
                case '?':
                    (min, max, _at) = (0, 1, _at + 1);
                    break;
                case '{' when TryCounts(out min, out max):
                    break;
                default:
                    return atom;
            }

            if (atom.Kind is NodeKind.Begin or NodeKind.End)
            {
                _at = start;
                throw Wrong("repeats an anchor");
            }

            if (_at < _pattern.Length && _pattern[_at] == '+')
            {
                throw Wrong("has a possessive quantifier, which is not supported");
            }

            TryTake('?');
            if (max >= 0 && min > max)
            {
                _at = start;
                throw Wrong("has a quantifier whose least count is above its most");
            }

            return new Node(NodeKind.Repeat, Parts: [atom], Min: min, Max: max);
        }

        return atom;
    }

    /// <summary>Reads {n}, {n,} or {n,m}; anything else in braces is plain text, as browsers read it.</summary>
    bool TryCounts(out int min, out int max)
    {
        int at = _at + 1;
        max = -1;
        if (!Number(ref at, out min))
        {
            return false;
        }

        bool open = at < _pattern.Length && _pattern[at] == ',';
        at += open ? 1 : 0;
        if (open && Number(ref at, out int most))
        {
            max = most;
        }
        else if (!open)
        {
            max = min;
        }

        if (at >= _pattern.Length || _pattern[at] != '}')
        {
            return false;
        }

        _at = at + 1;
        return true;

        bool Number(ref int index, out int value)
        {
            long number = 0;
            int first = index;
            for (; index < _pattern.Length && char.IsAsciiDigit(_pattern[index]); index++)
            {
                number = Math.Min((number * 10) + (_pattern[index] - '0'), int.MaxValue);
            }

            value = (int)number;
            return number > LargestCount ? throw Wrong($"repeats more than {LargestCount} times") : index > first;
        }
    }

    Node Atom()
    {
        char c = _pattern[_at];
        switch (c)
        {
            case '(':
                return Group();
            case '[':
                return new Node(NodeKind.Set, Set: Class());
            case '.':
                _at++;
                return new Node(NodeKind.Set, Set: s_noLineEnds);
            case '^':
                _at++;
                return new Node(NodeKind.Begin);
            case '$':
                _at++;
                return new Node(NodeKind.End);
            case '\\':
                return Escape();
            case '*' or '+' or '?':
            case '{' when TryCounts(out _, out _):
                throw Wrong("has a quantifier with nothing to repeat before it");
            default:
                return new Node(NodeKind.Set, Set: CodePointSet.Single(Literal()));
        }
    }

    Node Group()
    {
        _at++;
        if (TryTake('?'))
        {
            char kind = _at < _pattern.Length ? _pattern[_at] : '\0';
            char next = _at + 1 < _pattern.Length ? _pattern[_at + 1] : '\0';
            if (kind is '=' or '!' || (kind == '<' && next is '=' or '!'))
            {
                throw Wrong("looks around itself ((?=, (?!, (?<= or (?<!), which is not supported");
            }

            if (kind == '<' || (kind == 'P' && next == '<'))
            {
                int end = _pattern.IndexOf('>', _at);
                _at = end >= 0 ? end + 1 : throw Wrong("has a group whose name does not end");
            }
            else if (!TryTake(':'))
            {
                throw Wrong("has a group of an unknown kind; (…), (?:…) and (?<name>…) are read");
            }
        }

        Node inside = Alternatives();
        return TryTake(')') ? inside : throw Wrong("has a ( without its )");
    }

    Node Escape()
    {
        char next = _at + 1 < _pattern.Length ? _pattern[_at + 1] : throw Wrong("ends with a \\");
        if (next is 'b' or 'B')
        {
            throw Wrong("has a word border (\\b or \\B), which is not supported");
        }

        if (next is >= '1' and <= '9' or 'k')
        {
            throw Wrong("refers back to a group, which is not supported");
        }

        // Of other dialects; there they stand where the anchors do.
        if (next is 'A' or 'Z' or 'z')
        {
            _at += 2;
            return new Node(next == 'A' ? NodeKind.Begin : NodeKind.End);
        }

        return new Node(NodeKind.Set, Set: EscapedSet() ?? CodePointSet.Single(EscapedCharacter()));
    }

    /// <summary>A class such as \d; null for an escape of one character.</summary>
    CodePointSet? EscapedSet()
    {
        char c = _at + 1 < _pattern.Length ? _pattern[_at + 1] : '\0';
        CodePointSet? set = c switch
        {
            'd' => s_digits,
            'D' => s_digits.Complement(),
            'w' => s_word,
            'W' => s_word.Complement(),
            's' => s_spaces,
            'S' => s_spaces.Complement(),
            _ => null,
        };
        if (set is not null)
        {
            _at += 2;
        }
        else if (c is 'p' or 'P' && _at + 2 < _pattern.Length && _pattern[_at + 2] == '{')
        {
            int end = _pattern.IndexOf('}', _at);
            string name = end > 0 ? _pattern[(_at + 3)..end] : throw Wrong("has a \\p{ without its }");
            set = Category(name) ?? throw Wrong($"has the Unicode property {name}, which is not supported; general categories such as L or Lu are");
            set = c == 'P' ? set.Complement() : set;
            _at = end + 1;
        }

        return set;
    }

    int EscapedCharacter()
    {
        char c = _at + 1 < _pattern.Length ? _pattern[_at + 1] : throw Wrong("ends with a \\");
        _at += 2;
        switch (c)
        {
            case 'n':
                return '\n';
            case 'r':
                return '\r';
            case 't':
                return '\t';
            case 'f':
                return '\f';
            case 'v':
                return '\v';
            case '0':
                return 0;
            case 'a':
                return 7;
            case 'e':
                return 27;
            case 'c' when _at < _pattern.Length && char.IsAsciiLetter(_pattern[_at]):
                return _pattern[_at++] & 31;
            case 'x':
                return Hex(2) ?? throw Wrong("has a \\x without two hexadecimal digits");
            case 'u' when TryTake('{'):
                int end = _pattern.IndexOf('}', _at);
                if (end < 0 || !int.TryParse(_pattern.AsSpan(_at, end - _at), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int value)
                    || value is < 0 or > CodePointSet.Last)
                {
                    throw Wrong("has a \\u{…} that is no code point");
                }

                _at = end + 1;
                return value;
            case 'u':
                int unit = Hex(4) ?? throw Wrong("has a \\u without four hexadecimal digits");
                if (char.IsHighSurrogate((char)unit) && _at + 1 < _pattern.Length && _pattern[_at] == '\\' && _pattern[_at + 1] == 'u')
                {
                    int before = _at;
                    _at += 2;
                    if (Hex(4) is int low && char.IsLowSurrogate((char)low))
                    {
                        return char.ConvertToUtf32((char)unit, (char)low);
                    }

                    _at = before;
                }

                return unit;
            default:
                _at--;
                return char.IsAsciiLetterOrDigit(c) ? throw Wrong($"has the escape \\{c}, which is not known") : Literal();
        }
    }

    CodePointSet Class()
    {
        int start = _at++;
        bool negated = TryTake('^');
        var ranges = new List<(int, int)>();
        while (_at < _pattern.Length && _pattern[_at] != ']')
        {
            CodePointSet? set = _pattern[_at] == '\\' ? EscapedSet() : null;
            if (set is not null)
            {
                ranges.AddRange(set.Ranges);
                continue;
            }

            int first = ClassCharacter(), last = first;
            if (_at + 1 < _pattern.Length && _pattern[_at] == '-' && _pattern[_at + 1] != ']')
            {
                int dash = _at++;
                if (_pattern[_at] == '\\' && EscapedSet() is CodePointSet after)
                {
                    // [a-\d] is an a, a dash and the digits.
                    ranges.Add(('-', '-'));
                    ranges.AddRange(after.Ranges);
                }
                else
                {
                    last = ClassCharacter();
                    if (last < first)
                    {
                        _at = dash;
                        throw Wrong("has a range that goes backwards");
                    }
                }
            }

            ranges.Add((first, last));
        }

        if (!TryTake(']'))
        {
            _at = start;
            throw Wrong("has a [ without its ]");
        }

        CodePointSet result = CodePointSet.Of(ranges);
        return negated ? result.Complement() : result;
    }

    int ClassCharacter()
    {
        if (_pattern[_at] != '\\')
        {
            return Literal();
        }

        // In a class \b is the backspace and \- the dash.
        if (_at + 1 < _pattern.Length && _pattern[_at + 1] == 'b')
        {
            _at += 2;
            return '\b';
        }

        return EscapedCharacter();
    }

    int Literal()
    {
        if (!Rune.TryGetRuneAt(_pattern, _at, out Rune rune))
        {
            throw Wrong("has half a surrogate pair");
        }

        _at += rune.Utf16SequenceLength;
        return rune.Value;
    }

    int? Hex(int digits)
    {
        if (_at + digits > _pattern.Length
            || !int.TryParse(_pattern.AsSpan(_at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int value))
        {
            return null;
        }

        _at += digits;
        return value;
    }

    bool TryTake(char c)
    {
        bool there = _at < _pattern.Length && _pattern[_at] == c;
        _at += there ? 1 : 0;
        return there;
    }

    ConstraintException Wrong(string what)
    {
        string shown = _pattern.Length <= 80 ? _pattern : _pattern[..80] + "…";
        return new ConstraintException($"The pattern '{shown}' {what} (at character {_at + 1}).");
    }

    /// <summary>The expression of a node.</summary>
    /// <param name="node">The node.</param>
    /// <param name="isLeft">Whether it stands at the beginning of the whole, where an anchor may be and a search may begin.</param>
    /// <param name="isRight">Whether it stands at the end.</param>
    int Compile(Node node, bool isLeft, bool isRight)
    {
        switch (node.Kind)
        {
            case NodeKind.Set:
                return Surround(_characters(node.Set!), isLeft, isRight);
            case NodeKind.Begin:
                return isLeft ? Surround(_expressions.Empty, false, isRight) : throw Misplaced("^");
            case NodeKind.End:
                return isRight ? Surround(_expressions.Empty, isLeft, false) : throw Misplaced("$");
            case NodeKind.Or:
                return _expressions.Or([.. node.Parts!.Select(part => Compile(part, isLeft, isRight))]);
            case NodeKind.Repeat:
                if (HasAnchor(node.Parts![0]))
                {
                    // (^a)? is nothing, or an a at the beginning.
                    return node is { Min: <= 1, Max: 1 } && (isLeft || isRight)
                        ? _expressions.Or(Compile(node.Parts[0], isLeft, isRight), node.Min == 0
                        ? Surround(_expressions.Empty, isLeft, isRight) : _expressions.Nothing)
                        : throw Misplaced("^ or $");
                }

                int part = Compile(node.Parts![0], false, false);
                return Surround(_expressions.Repeat(part, node.Min, node.Max < 0 ? null : node.Max), isLeft, isRight);
            default:
                return CompileRow(node.Parts!, isLeft, isRight);
        }
    }

    int CompileRow(List<Node> parts, bool isLeft, bool isRight)
    {
        int first = 0, end = parts.Count;
        bool left = isLeft, right = isRight;
        while (first < end && isLeft && parts[first].Kind == NodeKind.Begin)
        {
            (first, left) = (first + 1, false);
        }

        while (end > first && isRight && parts[end - 1].Kind == NodeKind.End)
        {
            (end, right) = (end - 1, false);
        }

        if (end - first == 1)
        {
            return Compile(parts[first], left, right);
        }

        var compiled = new List<int>();
        for (int i = first; i < end; i++)
        {
            // Anchors inside a group at the edge decide for each of its alternatives.
            bool takesLeft = left && i == first && HasAnchor(parts[i]), takesRight = right && i == end - 1 && HasAnchor(parts[i]);
            compiled.Add(Compile(parts[i], takesLeft, takesRight));
            left &= !takesLeft;
            right &= !takesRight;
        }

        return Surround(_expressions.Concat([.. compiled]), left, right);
    }

    /// <summary>What a search passes over before and after.</summary>
    int Surround(int expression, bool isLeft, bool isRight)
    {
        if (!_isSearch || (!isLeft && !isRight))
        {
            return expression;
        }

        int any = _expressions.Repeat(_characters(CodePointSet.All), 0, null);
        return _expressions.Concat(isLeft ? any : _expressions.Empty, expression, isRight ? any : _expressions.Empty);
    }

    static bool HasAnchor(Node node) => node.Kind is NodeKind.Begin or NodeKind.End || node.Parts?.Exists(HasAnchor) == true;

    ConstraintException Misplaced(string anchor)
    {
        string shown = _pattern.Length <= 80 ? _pattern : _pattern[..80] + "…";
        return new ConstraintException($"The pattern '{shown}' has the anchor {anchor} inside, which is not supported; put it at the beginning or the end.");
    }

    /// <summary>The characters of a general category; null for an unknown name.</summary>
    static CodePointSet? Category(string name)
    {
        int equals = name.IndexOf('=');
        string key = equals < 0 ? name : name[..equals] is "gc" or "General_Category" ? name[(equals + 1)..] : "";
        key = key switch
        {
            "Letter" => "L",
            "Uppercase_Letter" or "Uppercase" => "Lu",
            "Lowercase_Letter" or "Lowercase" => "Ll",
            "Mark" => "M",
            "Number" => "N",
            "Decimal_Number" or "digit" => "Nd",
            "Punctuation" or "punct" => "P",
            "Symbol" => "S",
            "Separator" => "Z",
            "Space_Separator" => "Zs",
            "Other" => "C",
            "Control" or "cntrl" => "Cc",
            "Alphabetic" => "L",
            _ => key,
        };
        if (key is not ("L" or "Lu" or "Ll" or "Lt" or "Lm" or "Lo" or "M" or "Mn" or "Mc" or "Me" or "N" or "Nd" or "Nl" or "No" or "P" or "Pc" or "Pd" or "Ps"
            or "Pe" or "Pi" or "Pf" or "Po" or "S" or "Sm" or "Sc" or "Sk" or "So" or "Z" or "Zs" or "Zl" or "Zp" or "C" or "Cc" or "Cf" or "Co" or "Cn"))
        {
            return null;
        }

        lock (s_categoriesLock)
        {
            if (!s_categories.TryGetValue(key, out CodePointSet? set))
            {
                s_categories.Add(key, set = CodePointSet.Of(Ranges(key)));
            }

            return set;
        }

        static IEnumerable<(int, int)> Ranges(string key)
        {
            int first = -1;
            for (int c = 0; c <= CodePointSet.Last + 1; c++)
            {
                bool inside = c <= CodePointSet.Last && Short(CharUnicodeInfo.GetUnicodeCategory(c)).StartsWith(key, StringComparison.Ordinal);
                if (inside && first < 0)
                {
                    first = c;
                }
                else if (!inside && first >= 0)
                {
                    yield return (first, c - 1);
                    first = -1;
                }
            }
        }
    }

    static string Short(UnicodeCategory category) => category switch
    {
        UnicodeCategory.UppercaseLetter => "Lu",
        UnicodeCategory.LowercaseLetter => "Ll",
        UnicodeCategory.TitlecaseLetter => "Lt",
        UnicodeCategory.ModifierLetter => "Lm",
        UnicodeCategory.OtherLetter => "Lo",
        UnicodeCategory.NonSpacingMark => "Mn",
        UnicodeCategory.SpacingCombiningMark => "Mc",
        UnicodeCategory.EnclosingMark => "Me",
        UnicodeCategory.DecimalDigitNumber => "Nd",
        UnicodeCategory.LetterNumber => "Nl",
        UnicodeCategory.OtherNumber => "No",
        UnicodeCategory.SpaceSeparator => "Zs",
        UnicodeCategory.LineSeparator => "Zl",
        UnicodeCategory.ParagraphSeparator => "Zp",
        UnicodeCategory.Control => "Cc",
        UnicodeCategory.Format => "Cf",
        UnicodeCategory.PrivateUse => "Co",
        UnicodeCategory.ConnectorPunctuation => "Pc",
        UnicodeCategory.DashPunctuation => "Pd",
        UnicodeCategory.OpenPunctuation => "Ps",
        UnicodeCategory.ClosePunctuation => "Pe",
        UnicodeCategory.InitialQuotePunctuation => "Pi",
        UnicodeCategory.FinalQuotePunctuation => "Pf",
        UnicodeCategory.OtherPunctuation => "Po",
        UnicodeCategory.MathSymbol => "Sm",
        UnicodeCategory.CurrencySymbol => "Sc",
        UnicodeCategory.ModifierSymbol => "Sk",
        UnicodeCategory.OtherSymbol => "So",
        UnicodeCategory.Surrogate => "Cs",
        _ => "Cn",
    };

    enum NodeKind
    {
        Set,
        Row,
        Or,
        Repeat,
        Begin,
        End,
    }

    sealed record Node(NodeKind Kind, CodePointSet? Set = null, List<Node>? Parts = null, int Min = 0, int Max = 0);
}
