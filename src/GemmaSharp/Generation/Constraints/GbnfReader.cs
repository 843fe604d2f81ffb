using System.Globalization;
using System.Text;

namespace GemmaSharp.Generation.Constraints;

/// <summary>
/// Reads grammars in llama.cpp's GBNF: rules <c>name ::= …</c> of texts, character classes, groups and repetitions; <c>root</c> is the whole text.
/// </summary>
/// <remarks>
/// A part of a rule that names no other rule becomes one lexeme; repetitions of rules become rules with left recursion. Nesting and size are bounded.
/// </remarks>
sealed class GbnfReader
{
    /// <summary>The longest grammar, in UTF-16 units.</summary>
    public const int LongestGrammar = 1 << 20;

    const int DeepestNesting = 200;
    const int LargestCount = 10_000;

    readonly GrammarBuilder _builder;
    readonly Expressions _e;
    readonly string _text;
    readonly Dictionary<string, (Symbol Symbol, int At, bool IsDefined)> _rules = [];
    int _at;
    int _depth;

    GbnfReader(GrammarBuilder builder, string text) => (_builder, _e, _text) = (builder, builder.Expressions, text);

    /// <summary>A part of an alternative: an expression as long as no rule is named, and else a symbol.</summary>
    readonly record struct Part(int Expression, Symbol? Symbol);

    /// <summary>Adds the rules of a grammar to another.</summary>
    /// <returns>The symbol of the rule <c>root</c>.</returns>
    /// <exception cref="ConstraintException">It is no grammar: the message names the line.</exception>
    public static Symbol AddTo(GrammarBuilder builder, string gbnf)
    {
        if (gbnf.Length > LongestGrammar)
        {
            throw new ConstraintException($"The grammar has {gbnf.Length} characters; at most {LongestGrammar} are read.");
        }

        var reader = new GbnfReader(builder, gbnf);
        reader.Rules();
        foreach ((string name, (_, int at, bool isDefined)) in reader._rules)
        {
            if (!isDefined)
            {
                reader._at = at;
                throw reader.Wrong($"names the rule {name}, which is not defined");
            }
        }

        return reader._rules.TryGetValue("root", out (Symbol Symbol, int, bool) root)
            ? root.Symbol
            : throw new ConstraintException("The grammar has no rule root; name the rule of the whole answer so.");
    }

    void Rules()
    {
        for (Skip(lines: true); _at < _text.Length; Skip(lines: true))
        {
            int start = _at;
            string name = Name() ?? throw Wrong("has no name of a rule where one must begin");
            Skip(lines: false);
            if (!Take("::="))
            {
                throw Wrong($"has no ::= after the name {name}");
            }

            if (_rules.TryGetValue(name, out (Symbol, int, bool IsDefined) known) && known.IsDefined)
            {
                _at = start;
                throw Wrong($"defines the rule {name} twice");
            }

            Symbol rule = Rule(name);
            _rules[name] = (rule, start, true);
            Skip(lines: true);
            Alternatives(rule, inGroup: false);
        }
    }

    Symbol Rule(string name)
    {
        if (!_rules.TryGetValue(name, out (Symbol Symbol, int, bool) known))
        {
            known = (_builder.Rule(name), _at, false);
            _rules.Add(name, known);
        }

        return known.Symbol;
    }

    /// <summary>Reads alternatives into a rule, or, inside a group, into one part.</summary>
    Part Alternatives(Symbol? rule, bool inGroup)
    {
        if (++_depth > DeepestNesting)
        {
            throw Wrong($"has more than {DeepestNesting} groups inside each other");
        }

        var all = new List<List<Part>>();
        do
        {
            Skip(lines: true);
            all.Add(Row(inGroup));
            Skip(lines: inGroup || IsContinued());
        }
        while (Take("|"));
        _depth--;
        if (all.TrueForAll(row => row.TrueForAll(part => part.Symbol is null)))
        {
            int expression = _e.Or([.. all.Select(row => _e.Concat([.. row.Select(part => part.Expression)]))]);
            if (rule is Symbol simple)
            {
                _builder.Add(simple, _builder.Lexeme(expression));
            }

            return new Part(expression, null);
        }

        Symbol result = rule ?? _builder.Rule("group");
        foreach (List<Part> row in all)
        {
            _builder.Add(result, [.. row.Select(SymbolOf)]);
        }

        return new Part(0, result);
    }

    List<Part> Row(bool inGroup)
    {
        var parts = new List<Part>();
        while (true)
        {
            Skip(lines: inGroup);
            if (_at >= _text.Length || _text[_at] is '|' or ')' or '\n' or '\r')
            {
                return parts;
            }

            Part part = Repeated(Item());
            if (part.Symbol is null && parts.Count > 0 && parts[^1].Symbol is null)
            {
                parts[^1] = new Part(_e.Concat(parts[^1].Expression, part.Expression), null);
            }
            else
            {
                parts.Add(part);
            }
        }
    }

    Part Item()
    {
        switch (_text[_at])
        {
            case '"':
                return new Part(Literal(), null);
            case '[':
                return new Part(_e.CodePoints(Class()), null);
            case '.':
                _at++;
                return new Part(_e.CodePoints(CodePointSet.All), null);
            case '(':
                _at++;
                Part group = Alternatives(null, inGroup: true);
                Skip(lines: true);
                return Take(")") ? group : throw Wrong("has a ( without its )");
            default:
                string name = Name() ?? throw Wrong($"has a {_text[_at]}, which begins nothing: texts stand in quotes, classes in brackets");
                return new Part(0, Rule(name));
        }
    }

    Part Repeated(Part part)
    {
        while (_at < _text.Length && _text[_at] is '*' or '+' or '?' or '{')
        {
            (int min, int? max) = _text[_at++] switch
            {
                '*' => (0, (int?)null),
                '+' => (1, null),
                '?' => (0, 1),
                _ => Counts(),
            };
            part = part.Symbol is Symbol symbol ? new Part(0, Repeat(symbol, min, max)) : new Part(_e.Repeat(part.Expression, min, max), null);
        }

        return part;
    }

    (int Min, int? Max) Counts()
    {
        Skip(lines: false);
        int min = Number() ?? throw Wrong("has a { without a number after it");
        int? max = min;
        Skip(lines: false);
        if (Take(","))
        {
            Skip(lines: false);
            max = Number();
        }

        Skip(lines: false);
        return !Take("}") ? throw Wrong("has a { without its }")
            : max < min ? throw Wrong($"repeats from {min} to {max} times; the second number must not be smaller")
            : (min, max);
    }

    Symbol Repeat(Symbol symbol, int min, int? max)
    {
        Symbol result = _builder.Rule("repetition");
        if (max is null)
        {
            Symbol[] least = [.. Enumerable.Repeat(symbol, min)];
            _builder.Add(result, least);
            _builder.Add(result, result, symbol);
            return result;
        }

        // From the end: nothing more, or one more and what may follow it.
        Symbol rest = _builder.Rule("repetition");
        _builder.Add(rest);
        for (int i = min; i < max; i++)
        {
            Symbol more = _builder.Rule("repetition");
            _builder.Add(more);
            _builder.Add(more, symbol, rest);
            rest = more;
        }

        _builder.Add(result, [.. Enumerable.Repeat(symbol, min), rest]);
        return result;
    }

    Symbol SymbolOf(Part part) => part.Symbol ?? _builder.Lexeme(part.Expression);

    int Literal()
    {
        int start = _at++;
        var text = new StringBuilder();
        while (_at < _text.Length && _text[_at] != '"')
        {
            if (_text[_at] is '\n' or '\r')
            {
                break;
            }

            AppendCharacter(text);
        }

        if (!Take("\""))
        {
            _at = start;
            throw Wrong("has a text whose quote does not end on its line");
        }

        return _e.Literal(Encoding.UTF8.GetBytes(text.ToString()));
    }

    CodePointSet Class()
    {
        int start = _at++;
        bool negated = Take("^");
        var ranges = new List<(int, int)>();
        while (_at < _text.Length && _text[_at] is not (']' or '\n'))
        {
            int first = Character(), last = first;
            if (_at + 1 < _text.Length && _text[_at] == '-' && _text[_at + 1] != ']')
            {
                _at++;
                last = Character();
                if (last < first)
                {
                    throw Wrong("has a range that goes backwards");
                }
            }

            ranges.Add((first, last));
        }

        if (!Take("]"))
        {
            _at = start;
            throw Wrong("has a [ without its ]");
        }

        CodePointSet set = CodePointSet.Of(ranges);
        return negated ? set.Complement() : set;
    }

    void AppendCharacter(StringBuilder text)
    {
        int character = Character();
        text.Append(character is >= 0xD800 and <= 0xDFFF ? "\uFFFD" : char.ConvertFromUtf32(character));
    }

    int Character()
    {
        if (_text[_at] != '\\')
        {
            if (!Rune.TryGetRuneAt(_text, _at, out Rune rune))
            {
                throw Wrong("has half a surrogate pair");
            }

            _at += rune.Utf16SequenceLength;
            return rune.Value;
        }

        char escape = ++_at < _text.Length ? _text[_at++] : throw Wrong("ends with a \\");
        return escape switch
        {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'x' => Hex(2),
            'u' => Hex(4),
            'U' => Hex(8),
            '"' or '\\' or '[' or ']' or '-' or '^' or '/' or '.' => escape,
            _ => throw Wrong($"has the escape \\{escape}, which is not known"),
        };
    }

    int Hex(int digits)
    {
        if (_at + digits > _text.Length
            || !int.TryParse(_text.AsSpan(_at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int value)
            || value is < 0 or > CodePointSet.Last)
        {
            throw Wrong($"has an escape without {digits} hexadecimal digits of a code point");
        }

        _at += digits;
        return value;
    }

    int? Number()
    {
        int start = _at;
        long number = 0;
        for (; _at < _text.Length && char.IsAsciiDigit(_text[_at]); _at++)
        {
            number = Math.Min((number * 10) + (_text[_at] - '0'), int.MaxValue);
        }

        return _at == start ? null : number <= LargestCount ? (int)number : throw Wrong($"repeats more than {LargestCount} times");
    }

    string? Name()
    {
        int start = _at;
        while (_at < _text.Length && (char.IsAsciiLetterOrDigit(_text[_at]) || _text[_at] is '-' or '_'))
        {
            _at++;
        }

        return _at > start ? _text[start.._at] : null;
    }

    /// <summary>Whether the next line goes on with an alternative.</summary>
    bool IsContinued()
    {
        int before = _at;
        Skip(lines: true);
        bool continued = _at < _text.Length && _text[_at] == '|';
        _at = before;
        return continued;
    }

    void Skip(bool lines)
    {
        while (_at < _text.Length)
        {
            char c = _text[_at];
            if (c == '#')
            {
                int end = _text.IndexOf('\n', _at);
                _at = end < 0 ? _text.Length : end;
            }
            else if (c is ' ' or '\t' || (lines && c is '\n' or '\r'))
            {
                _at++;
            }
            else
            {
                return;
            }
        }
    }

    bool Take(string token)
    {
        bool there = string.CompareOrdinal(_text, _at, token, 0, token.Length) == 0;
        _at += there ? token.Length : 0;
        return there;
    }

    ConstraintException Wrong(string what)
    {
        int line = 1 + _text.AsSpan(0, Math.Min(_at, _text.Length)).Count('\n');
        return new ConstraintException($"The grammar {what} (line {line}).");
    }
}
