using System.Runtime.InteropServices;

namespace GemmaSharp.Generation.Constraints;

/// <summary>The lexer: a deterministic automaton over sets of lexemes, whose states are made as they are reached.</summary>
/// <remarks>Not thread-safe.</remarks>
sealed class LexerStates(Expressions expressions, int[] lexemes)
{
    /// <summary>No lexeme can go on.</summary>
    public const int Dead = -1;

    const int Unknown = -2;

    readonly List<(int Lexeme, int Expression)[]> _threads = [];
    readonly List<int[]> _accepts = [];
    readonly List<int[]?> _next = [];
    readonly List<int> _afterPlain = [];
    readonly Dictionary<Sequence, int> _states = [];

    /// <summary>States so far.</summary>
    public int Count => _threads.Count;

    /// <summary>Rows of 256 transitions so far.</summary>
    public int Rows { get; private set; }

    /// <summary>The state before a lexeme of a set.</summary>
    public int Start(ReadOnlySpan<int> set)
    {
        var threads = new List<(int, int)>();
        foreach (int lexeme in set)
        {
            threads.Add((lexeme, lexemes[lexeme]));
        }

        return State(threads);
    }

    /// <summary>The lexemes that may end here, ascending.</summary>
    public int[] Accepts(int state) => _accepts[state];

    /// <summary>Where a byte leads; <see cref="Dead"/> for nowhere.</summary>
    public int Next(int state, int b)
    {
        int[] row = Row(state);
        return row[b] != Unknown ? row[b] : Fill(state, row, b);
    }

    /// <summary>By byte: where it leads, as far as that is known.</summary>
    public ReadOnlySpan<int> Known(int state) => Row(state);

    /// <summary>
    /// The state after any one code point of plain text, none that means something in JSON strings, where all of them lead to the same and no lexeme may end
    /// meanwhile; <see cref="Dead"/> where there is none.
    /// </summary>
    public int AfterPlain(int state)
    {
        if (_afterPlain[state] == Unknown)
        {
            // The states that this makes are no part of the list's item.
            int after = FindAfterPlain(state);
            _afterPlain[state] = after;
        }

        return _afterPlain[state];
    }

    int FindAfterPlain(int state)
    {
        int after = Next(state, ' ');
        if (after == Dead || _accepts[after].Length > 0)
        {
            return Dead;
        }

        for (int b = 0x21; b < 0x7F; b++)
        {
            if (b is not ('"' or '\\') && Next(state, b) != after)
            {
                return Dead;
            }
        }

        // The well-formed sequences of UTF-8.
        return All(state, 0xC2, 0xDF, 0x80, 0xBF, 1) && All(state, 0xE0, 0xE0, 0xA0, 0xBF, 2) && All(state, 0xE1, 0xEC, 0x80, 0xBF, 2)
            && All(state, 0xED, 0xED, 0x80, 0x9F, 2) && All(state, 0xEE, 0xEF, 0x80, 0xBF, 2) && All(state, 0xF0, 0xF0, 0x90, 0xBF, 3)
            && All(state, 0xF1, 0xF3, 0x80, 0xBF, 3) && All(state, 0xF4, 0xF4, 0x80, 0x8F, 3) ? after : Dead;

        // The first bytes, then the range of the second, then any that follow.
        bool All(int from, int first, int last, int low, int high, int more)
        {
            int known = Dead;
            for (int b = first; b <= last; b++)
            {
                int next = Next(from, b);
                if (next == Dead || _accepts[next].Length > 0 && more > 0)
                {
                    return false;
                }

                if (next != known && !(more == 0 ? next == after : All(next, low, high, 0x80, 0xBF, more - 1)))
                {
                    return false;
                }

                known = next;
            }

            return true;
        }
    }

    int[] Row(int state)
    {
        if (_next[state] is not int[] row)
        {
            _next[state] = row = new int[256];
            row.AsSpan().Fill(Unknown);
            Rows++;
        }

        return row;
    }

    int Fill(int state, int[] row, int b)
    {
        ByteSet of = ByteSet.All;
        var threads = new List<(int, int)>();
        foreach ((int lexeme, int expression) in _threads[state])
        {
            int next = expressions.Derive(expression, b, ref of);
            if (!expressions.IsNothing(next))
            {
                threads.Add((lexeme, next));
            }
        }

        int result = threads.Count == 0 ? Dead : State(threads);
        for (int same = of.Next(0); same < 256; same = of.Next(same + 1))
        {
            row[same] = result;
        }

        return result;
    }

    int State(List<(int Lexeme, int Expression)> threads)
    {
        ReadOnlySpan<(int Lexeme, int Expression)> span = CollectionsMarshal.AsSpan(threads);
        var key = new Sequence(MemoryMarshal.Cast<(int, int), int>(span));
        if (!_states.TryGetValue(key, out int state))
        {
            state = _threads.Count;
            _threads.Add([.. threads]);
            _accepts.Add([.. threads.Where(thread => expressions.IsNullable(thread.Expression)).Select(thread => thread.Lexeme)]);
            _next.Add(null);
            _afterPlain.Add(Unknown);
            _states.Add(key, state);
        }

        return state;
    }
}
