using System.Runtime.InteropServices;

namespace GemmaSharp.Generation.Constraints;

/// <summary>Puts a grammar together: lexemes, which are regular expressions over bytes, and rules over them.</summary>
/// <remarks>
/// The lexer takes no longest match: where lexemes overlap or one may go on or end, all readings are followed, so that a text is accepted whenever some
/// division into lexemes fits the rules. Left and right recursion, empty alternatives and ambiguity are allowed. Not thread-safe.
/// </remarks>
sealed class GrammarBuilder
{
    /// <summary>The most symbols in all alternatives together.</summary>
    public const int MostSymbols = 1 << 19;

    readonly List<int> _lexemes = [];
    readonly Dictionary<int, Symbol> _lexemeSymbols = [];
    readonly List<string> _rules = [];
    readonly List<(int Rule, Symbol[] Symbols)> _alternatives = [];
    readonly Dictionary<int, (RuleFamily Family, FamilyKey Key)> _families = [];
    int _symbols;

    /// <summary>The expressions that its lexemes are made of.</summary>
    public Expressions Expressions { get; } = new();

    /// <summary>A symbol that stands for an expression; equal expressions are one symbol.</summary>
    public Symbol Lexeme(int expression)
    {
        ref Symbol symbol = ref CollectionsMarshal.GetValueRefOrAddDefault(_lexemeSymbols, expression, out bool there);
        if (!there)
        {
            symbol = new Symbol(~_lexemes.Count);
            _lexemes.Add(expression);
        }

        return symbol;
    }

    /// <summary>A symbol to be defined.</summary>
    /// <param name="name">What messages call it.</param>
    public Symbol Rule(string name)
    {
        _rules.Add(name);
        return new Symbol(_rules.Count - 1);
    }

    /// <summary>A symbol of a family.</summary>
    public Symbol Rule(string name, RuleFamily family, FamilyKey key)
    {
        Symbol rule = Rule(name);
        _families.Add(rule.Index, (family, key));
        return rule;
    }

    /// <summary>Adds an alternative to a rule: these symbols in a row, none for the empty text.</summary>
    /// <exception cref="ConstraintException">The grammar becomes too large.</exception>
    public void Add(Symbol rule, params ReadOnlySpan<Symbol> symbols)
    {
        _symbols += symbols.Length + 1;
        if (_symbols > MostSymbols)
        {
            throw new ConstraintException($"The constraint needs more than {MostSymbols} symbols in its rules; make it simpler.");
        }

        _alternatives.Add((rule.Index, symbols.ToArray()));
    }

    /// <summary>The grammar of a symbol.</summary>
    /// <exception cref="ConstraintException">Nothing matches it, or it is too large.</exception>
    public Grammar Build(Symbol start)
    {
        // What no text can match must go: a parser that waited for it would allow beginnings that have no end.
        bool[] matching = [.. _lexemes.Select(lexeme => !Expressions.IsNothing(lexeme))];
        bool[] productive = LeastFixpoint(matching, withFamilies: true);
        bool[] nullable = LeastFixpoint([.. _lexemes.Select(Expressions.IsNullable)], withFamilies: false);
        bool Produces(Symbol symbol) => symbol.Index < 0 ? matching[~symbol.Index] : productive[symbol.Index];
        if (!Produces(start))
        {
            throw new ConstraintException("The constraint allows no text at all; loosen what contradicts itself.");
        }

        return new Grammar(
            Expressions,
            [.. _lexemes],
            _rules.Count,
            [.. _alternatives.Where(alternative => Array.TrueForAll(alternative.Symbols, Produces))
                .Select(alternative => (alternative.Rule, Array.ConvertAll(alternative.Symbols, symbol => symbol.Index)))],
            nullable,
            start.Index,
            _families,
            Produces);
    }

    /// <summary>Rules with an alternative of which every symbol holds.</summary>
    bool[] LeastFixpoint(bool[] lexemes, bool withFamilies)
    {
        bool[] known = new bool[_rules.Count];
        List<(int Rule, Symbol[] Symbols)> alternatives = [.. _alternatives];
        var waiting = new List<int>();
        if (withFamilies)
        {
            alternatives.AddRange(_families.Select(each => (each.Key, each.Value.Family.Needs.ToArray())));
        }

        int[] missing = new int[alternatives.Count];
        var users = new Dictionary<int, List<int>>();
        var queue = new Queue<int>();
        for (int i = 0; i < missing.Length; i++)
        {
            foreach (Symbol symbol in alternatives[i].Symbols)
            {
                if (symbol.Index >= 0)
                {
                    missing[i]++;
                    (CollectionsMarshal.GetValueRefOrAddDefault(users, symbol.Index, out _) ??= []).Add(i);
                }
                else if (!lexemes[~symbol.Index])
                {
                    // Never to be reached.
                    missing[i] = int.MaxValue / 2;
                }
            }

            if (missing[i] == 0)
            {
                Complete(alternatives[i].Rule);
            }
        }

        do
        {
            while (queue.TryDequeue(out int rule))
            {
                if (known[rule])
                {
                    continue;
                }

                known[rule] = true;
                foreach (int user in users.GetValueOrDefault(rule) ?? [])
                {
                    if (--missing[user] == 0)
                    {
                        Complete(alternatives[user].Rule);
                    }
                }
            }

            // Families that had what they need, and yet nothing: perhaps they have now.
            int[] again = [.. waiting];
            waiting.Clear();
            Array.ForEach(again, Complete);
        }
        while (queue.Count > 0);
        return known;

        void Complete(int rule)
        {
            if (withFamilies && _families.TryGetValue(rule, out (RuleFamily Family, FamilyKey Key) of) && !of.Family.CanProduce(of.Key, Holds))
            {
                waiting.Add(rule);
            }
            else
            {
                queue.Enqueue(rule);
            }
        }

        bool Holds(Symbol symbol) => symbol.Index < 0 ? lexemes[~symbol.Index] : known[symbol.Index];
    }
}

/// <summary>A lexeme or a rule of one <see cref="GrammarBuilder"/>.</summary>
/// <param name="Index">A rule's number, or the complement of a lexeme's.</param>
readonly record struct Symbol(int Index);
