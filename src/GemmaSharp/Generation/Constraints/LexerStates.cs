using System.Runtime.InteropServices;

namespace GemmaSharp.Generation.Constraints;

/// <summary>The lexer: a deterministic automaton over sets of lexemes, whose states are made as they are reached.</summary>
/// <remarks>Not thread-safe.</remarks>
sealed class LexerStates(Expressions expressions, int[] lexemes)
{
    /// <summary>No lexeme can go on.</summary>
    public const int Dead = -1;

    /// <summary>The longest run of plain text that is looked for: hardly any token is longer.</summary>
    public const int MostPlain = 64;

    /// <summary>The most states that are followed for it.</summary>
    const int MostPlainStates = 1000;

    const int Unknown = -2;

    readonly List<(int Lexeme, int Expression)[]> _threads = [];
    readonly List<int[]> _accepts = [];
    readonly List<int[]?> _next = [];

    // What is known of plain text after a state.
    readonly List<(int Least, bool IsExact)> _plainRuns = [];
    readonly List<bool> _plainKnown = [];
    readonly List<int[]?> _plainSuccessors = [];
    readonly List<bool?> _nearEnds = [];
    readonly List<int> _unbounded = [];
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
    /// How many code points of plain text, none that means something in JSON strings, can follow whatever they are, with no lexeme ending meanwhile; up to
    /// <see cref="MostPlain"/>.
    /// </summary>
    /// <param name="state">The state.</param>
    /// <param name="wanted">As many as it is worth to look for.</param>
    public int PlainRun(int state, int wanted)
    {
        wanted = Math.Min(wanted, MostPlain);
        if (_plainRuns[state].Least >= wanted || _plainRuns[state].IsExact)
        {
            return _plainRuns[state].Least;
        }

        // Far limits make every place in a long text another state; without them most are the same. An end must then be near, so that it is one with the
        // limits, too.
        int unbounded = Unbounded(state);
        if (unbounded != state && FindRun(unbounded, hasNearEnds: true) >= wanted)
        {
            _plainRuns[state] = (_plainRuns[unbounded].Least, false);
            return _plainRuns[state].Least;
        }

        return FindRun(state, hasNearEnds: false);
    }

    /// <summary>Follows all plain text from a state at once, a code point at a time.</summary>
    int FindRun(int start, bool hasNearEnds)
    {
        if (_plainRuns[start].IsExact || _plainRuns[start].Least >= MostPlain)
        {
            return _plainRuns[start].Least;
        }

        var layer = new List<int> { start };
        var seen = new HashSet<int> { start };
        int run = 0;
        while (run < MostPlain && seen.Count < MostPlainStates)
        {
            var next = new List<int>();
            foreach (int state in layer)
            {
                if (PlainSuccessors(state) is not int[] successors || (hasNearEnds && !HasNearEnd(state)))
                {
                    return Known(run, isExact: true);
                }

                next.AddRange(successors.Where(seen.Add));
            }

            run++;
            if (next.Count == 0)
            {
                // All that can be reached goes on for ever.
                foreach (int state in seen)
                {
                    _plainRuns[state] = (MostPlain, true);
                }

                return MostPlain;
            }

            layer = next;
        }

        return Known(run, isExact: false);

        int Known(int found, bool isExact)
        {
            _plainRuns[start] = (Math.Max(found, _plainRuns[start].Least), isExact);
            for (int state = start, left = found - 1; left > 0 && PlainSuccessors(state) is [int only] && _plainRuns[only].Least < left; left--, state = only)
            {
                _plainRuns[only] = (left, false);
            }

            return found;
        }
    }

    /// <summary>Whether a lexeme can end within a few characters.</summary>
    bool HasNearEnd(int state)
    {
        if (_nearEnds[state] is bool known)
        {
            return known;
        }

        var layer = new List<int> { state };
        var seen = new HashSet<int> { state };
        bool found = false;
        for (int depth = 0; depth < 8 && layer.Count > 0 && seen.Count < 200 && !found; depth++)
        {
            var next = new List<int>();
            foreach (int each in layer)
            {
                for (int b = 0; b < 256 && !found; b++)
                {
                    int to = Next(each, b);
                    if (to != Dead && seen.Add(to))
                    {
                        next.Add(to);
                        found = _accepts[to].Length > 0;
                    }
                }
            }

            layer = next;
        }

        _nearEnds[state] = found;
        return found;
    }

    int Unbounded(int state)
    {
        if (_unbounded[state] == Unknown)
        {
            var threads = new List<(int, int)>();
            foreach ((int lexeme, int expression) in _threads[state])
            {
                threads.Add((lexeme, expressions.Unbounded(expression)));
            }

            int unbounded = State(threads);
            _unbounded[state] = unbounded;
        }

        return _unbounded[state];
    }

    /// <summary>The states after one code point of plain text; null where some cannot follow, or a lexeme may end.</summary>
    int[]? PlainSuccessors(int state)
    {
        if (!_plainKnown[state])
        {
            var found = new HashSet<int>();
            int[]? successors = AllPlain(state, found) ? [.. found] : null;
            _plainSuccessors[state] = successors;
            _plainKnown[state] = true;
        }

        return _plainSuccessors[state];
    }

    bool AllPlain(int state, HashSet<int> found)
    {
        for (int b = 0x20; b < 0x7F; b++)
        {
            if (b is not ('"' or '\\'))
            {
                int next = Next(state, b);
                if (next == Dead || _accepts[next].Length > 0)
                {
                    return false;
                }

                found.Add(next);
            }
        }

        // The well-formed sequences of UTF-8: the first bytes, then the range of the second, then any that follow.
        return All(state, 0xC2, 0xDF, 0x80, 0xBF, 1) && All(state, 0xE0, 0xE0, 0xA0, 0xBF, 2) && All(state, 0xE1, 0xEC, 0x80, 0xBF, 2)
            && All(state, 0xED, 0xED, 0x80, 0x9F, 2) && All(state, 0xEE, 0xEF, 0x80, 0xBF, 2) && All(state, 0xF0, 0xF0, 0x90, 0xBF, 3)
            && All(state, 0xF1, 0xF3, 0x80, 0xBF, 3) && All(state, 0xF4, 0xF4, 0x80, 0x8F, 3);

        bool All(int from, int first, int last, int low, int high, int more)
        {
            int known = Dead;
            for (int b = first; b <= last; b++)
            {
                int next = Next(from, b);
                if (next == Dead || _accepts[next].Length > 0)
                {
                    return false;
                }

                if (next != known)
                {
                    known = next;
                    if (more == 0)
                    {
                        found.Add(next);
                    }
                    else if (!All(next, low, high, 0x80, 0xBF, more - 1))
                    {
                        return false;
                    }
                }
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
            _plainRuns.Add((0, false));
            _plainKnown.Add(false);
            _plainSuccessors.Add(null);
            _nearEnds.Add(null);
            _unbounded.Add(Unknown);
            _states.Add(key, state);
        }

        return state;
    }
}
