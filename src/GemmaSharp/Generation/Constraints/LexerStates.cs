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
        if (_next[state] is not int[] row)
        {
            _next[state] = row = new int[256];
            row.AsSpan().Fill(Unknown);
            Rows++;
        }

        return row[b] != Unknown ? row[b] : Fill(state, row, b);
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
            _states.Add(key, state);
        }

        return state;
    }
}
