namespace GemmaSharp.Generation.Constraints;

/// <summary>A compiled constraint: lexemes and rules over bytes, independent of any vocabulary.</summary>
/// <remarks>
/// Immutable to the outside, thread-safe. What its matchers find out about it, states and rows, they share through a <see cref="Chart"/>, which is replaced by
/// a fresh one when it has grown large.
/// </remarks>
sealed class Grammar
{
    readonly Lock _lock = new();
    readonly int[] _lexemes;
    readonly Expressions _expressions;
    Chart? _chart;

    /// <summary>Makes a grammar whose every alternative can match something.</summary>
    /// <param name="expressions">Those that its lexemes are of.</param>
    /// <param name="lexemes">The expression of each lexeme.</param>
    /// <param name="rules">How many rules.</param>
    /// <param name="alternatives">A rule and the symbols in a row: a rule's number, or the complement of a lexeme's.</param>
    /// <param name="nullable">By rule: whether it matches the empty text.</param>
    /// <param name="start">The symbol of the whole text.</param>
    /// <param name="families">By rule: the family that it is of.</param>
    /// <param name="produces">Whether a symbol can match anything.</param>
    public Grammar(
        Expressions expressions,
        int[] lexemes,
        int rules,
        (int Rule, int[] Symbols)[] alternatives,
        bool[] nullable,
        int start,
        IReadOnlyDictionary<int, (RuleFamily Family, FamilyKey Key)> families,
        Func<Symbol, bool> produces)
    {
        Families = families;
        Produces = produces;
        _expressions = expressions;
        _lexemes = lexemes;
        Nullable = nullable;

        // One rule more, of which the start is the only alternative: dotted rules are numbered through, alternative by alternative, the end of each included.
        (int Rule, int[] Symbols)[] all = [(rules, [start]), .. alternatives];
        StartRule = rules;
        int dots = all.Sum(alternative => alternative.Symbols.Length + 1);
        Next = new int[dots];
        RuleOf = new int[dots];
        var byRule = new List<int>[rules + 1];
        int dot = 0;
        foreach ((int rule, int[] symbols) in all)
        {
            (byRule[rule] ??= []).Add(dot);
            foreach (int symbol in symbols)
            {
                RuleOf[dot] = rule;
                Next[dot++] = symbol;
            }

            RuleOf[dot] = rule;
            Next[dot++] = End;
        }

        Alternatives = Array.ConvertAll(byRule, list => list is null ? [] : list.ToArray());
        LexemeNullable = [.. lexemes.Select(expressions.IsNullable)];
        Bytes = expressions.Size + (dots * 12L) + (lexemes.Length * 8L);
    }

    /// <summary>Stands in <see cref="Next"/> where nothing comes any more.</summary>
    public const int End = int.MaxValue;

    /// <summary>Bytes of the grammar itself.</summary>
    public long Bytes { get; }

    /// <summary>Bytes held, about, what matchers have found out included.</summary>
    public long Held
    {
        get
        {
            lock (_lock)
            {
                return Bytes + (_chart?.Held ?? 0);
            }
        }
    }

    /// <summary>By dotted rule: the symbol after the dot.</summary>
    public int[] Next { get; }

    /// <summary>By dotted rule: its rule.</summary>
    public int[] RuleOf { get; }

    /// <summary>By rule: the dotted rules its alternatives begin with.</summary>
    public int[][] Alternatives { get; }

    /// <summary>By rule: whether it matches the empty text.</summary>
    public bool[] Nullable { get; }

    /// <summary>By lexeme: whether it matches the empty text.</summary>
    public bool[] LexemeNullable { get; }

    /// <summary>By rule: the family that it is of, which writes its alternatives.</summary>
    public IReadOnlyDictionary<int, (RuleFamily Family, FamilyKey Key)> Families { get; }

    /// <summary>Whether a symbol can match anything.</summary>
    public Func<Symbol, bool> Produces { get; }

    /// <summary>The rule of the whole text.</summary>
    public int StartRule { get; }

    /// <summary>By lexeme: its expression, in the expressions of a chart.</summary>
    public ReadOnlySpan<int> Lexemes => _lexemes;

    /// <summary>What is known of the grammar; shared, to be used under its lock.</summary>
    public Chart Chart()
    {
        lock (_lock)
        {
            if (_chart is null || _chart.IsLarge)
            {
                _chart = new Chart(this, new Expressions(_expressions));
            }

            return _chart;
        }
    }
}
