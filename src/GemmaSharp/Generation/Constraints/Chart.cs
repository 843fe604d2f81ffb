using System.Runtime.InteropServices;

namespace GemmaSharp.Generation.Constraints;

/// <summary>
/// What is known of a grammar: where a text can be in it, found out as texts get there. A place is a <see cref="State"/>, and equal places are one object, so
/// that what follows a place is found out once.
/// </summary>
/// <remarks>
/// <para>
/// An Earley parser over lexemes. Its rows do not know how long the text before them was, only which rows their items began in, so the same beginning of an
/// element of a list is the same row for every element. A state is one or more lexers under way, each with the row it began in; where a lexeme may end, the
/// items that waited for it move into a new row, which begins a lexer of its own.
/// </para>
/// <para>Not thread-safe: matchers use it under its lock. Source: Earley (1970); Leo (1991) for right recursion; Aycock and Horspool (2002) for empty
/// rules.</para>
/// </remarks>
sealed class Chart
{
    /// <summary>The most states that a chart may have.</summary>
    public const int MostStates = 250_000;

    /// <summary>The most bytes of tables, about.</summary>
    public const long MostBytes = 128L << 20;

    /// <summary>How many masks are remembered, of 33 KB each with Gemma's vocabulary.</summary>
    const int MostMasks = 64;

    /// <summary>The most items of a row, and the most steps to make one.</summary>
    const int MostItems = 200_000;

    readonly Grammar _grammar;
    readonly LexerStates _lexer;

    // The grammar's own, and what families have added.
    readonly List<int> _next;
    readonly List<int> _ruleOf;
    readonly List<int[]?> _alternatives;
    readonly Dictionary<int, (RuleFamily Family, FamilyKey Key)> _families;
    readonly Dictionary<(RuleFamily Family, FamilyKey Key), int> _familyRules = [];
    readonly Dictionary<Sequence, Row> _rows = [];
    readonly Dictionary<Sequence, State> _states = [];
    readonly List<Row> _rowList = [];
    readonly Queue<State> _masked = [];
    long _tables;
    long _maskBytes;
    long _items;

    /// <summary>Knows nothing yet but the beginning.</summary>
    public Chart(Grammar grammar, Expressions expressions)
    {
        _grammar = grammar;
        Expressions = expressions;
        _lexer = new LexerStates(expressions, grammar.Lexemes.ToArray());
        _next = [.. grammar.Next];
        _ruleOf = [.. grammar.RuleOf];
        _alternatives = [.. grammar.Alternatives];
        _families = new(grammar.Families);
        foreach ((int rule, (RuleFamily family, FamilyKey key)) in grammar.Families)
        {
            _familyRules[(family, key)] = rule;
            _alternatives[rule] = null;
        }

        Row first = RowOf([new Item(grammar.Alternatives[grammar.StartRule][0], 0)]);

        // Where nothing but the empty text is left of the grammar, there is nothing to wait for.
        Start = StateOf(first.Lexer == LexerStates.Dead ? [] : [new Thread(first, first.Lexer)], first.IsEnd);
    }

    /// <summary>The beginning of the text.</summary>
    public State Start { get; }

    /// <summary>Of the lexemes.</summary>
    public Expressions Expressions { get; }

    /// <summary>Whether new matchers should begin a fresh one.</summary>
    public bool IsLarge => _states.Count > MostStates / 4 || Bytes > MostBytes / 4;

    /// <summary>Bytes that are held for it, about: tables, expressions and masks. Sums of counts, which may be taken while a matcher is at work.</summary>
    public long Held => Bytes + Expressions.Size + (_masked.Count * _maskBytes);

    long Bytes => ((_tables + _lexer.Rows) * 2100) + (_states.Count * 200L) + (_items * 24) + (_next.Count * 8L) + (_families.Count * 100L);

    /// <summary>Where a byte leads.</summary>
    /// <returns>Null where it cannot follow.</returns>
    /// <exception cref="ConstraintException">The grammar needs more states than are allowed.</exception>
    public State? Next(State state, int b)
    {
        State?[]? table = state.Table;
        if (table is not null && table[b] is State known)
        {
            return known == State.None ? null : known;
        }

        State? next = Compute(state, b);
        if (table is null)
        {
            state.Table = table = new State?[256];
            _tables++;
        }

        table[b] = next ?? State.None;
        if (state.Threads.Length == 1 && (next is null || next.Threads is [Thread { Row: Row same }] && same == state.Threads[0].Row && !next.CanEnd))
        {
            // Bytes that the lexer does not tell apart lead to the same.
            ReadOnlySpan<int> row = _lexer.Known(state.Threads[0].Lexer);
            int target = row[b];
            for (int other = 0; other < 256; other++)
            {
                if (row[other] == target)
                {
                    table[other] = table[b];
                }
            }
        }

        return next;
    }

    /// <summary>Whether so many code points of plain text, none that means something in JSON strings, can follow whatever they are.</summary>
    public bool IsPlain(State state, int length) =>
        length == 0 || (state.Threads.Length == 1 && _lexer.PlainRun(state.Threads[0].Lexer, length) >= length);

    /// <summary>The only byte that can follow; −1 where there are several, none, or the text may end.</summary>
    public int Only(State state)
    {
        if (state.Only == State.Unknown)
        {
            state.Only = -1;
            int found = -1, count = 0;
            for (int b = 0; b < 256 && count < 2 && !state.CanEnd; b++)
            {
                if (Next(state, b) is not null)
                {
                    found = b;
                    count++;
                }
            }

            state.Only = count == 1 ? found : -1;
        }

        return state.Only;
    }

    /// <summary>Whether any byte can follow.</summary>
    public bool CanGoOn(State state)
    {
        for (int b = 0; b < 256; b++)
        {
            if (Next(state, b) is not null)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Remembers a mask of a state's: the last few that were computed.</summary>
    public void Keep(State state, TokenMask mask)
    {
        if (_masked.Count == MostMasks)
        {
            State oldest = _masked.Dequeue();
            state.Mask = oldest.Mask!.Words.Length == mask.Words.Length ? oldest.Mask : new TokenMask(mask.Words.Length * 64);
            oldest.Mask = null;
        }

        state.Mask ??= new TokenMask(mask.Words.Length * 64);
        mask.Words.CopyTo(state.Mask.Words);
        _maskBytes = mask.Words.Length * 8L;
        _masked.Enqueue(state);
    }

    State? Compute(State state, int b)
    {
        if (state.Threads.Length == 1)
        {
            // Nearly always: one lexer, in the middle of a lexeme.
            Thread thread = state.Threads[0];
            int lexer = _lexer.Next(thread.Lexer, b);
            if (lexer == LexerStates.Dead)
            {
                return null;
            }

            if (_lexer.Accepts(lexer).Length == 0)
            {
                return StateOf(thread.Row, lexer);
            }
        }

        var threads = new List<Thread>();
        var kernel = new List<Item>();
        foreach (Thread thread in state.Threads)
        {
            int lexer = _lexer.Next(thread.Lexer, b);
            if (lexer != LexerStates.Dead)
            {
                threads.Add(new Thread(thread.Row, lexer));
                foreach (int lexeme in _lexer.Accepts(lexer))
                {
                    kernel.AddRange(thread.Row.WaitingFor(~lexeme).Select(item => item with { Dot = item.Dot + 1 }));
                }
            }
        }

        bool isEnd = false;
        if (kernel.Count > 0)
        {
            Row row = RowOf(kernel);
            isEnd = row.IsEnd;
            if (row.Lexer != LexerStates.Dead)
            {
                threads.Add(new Thread(row, row.Lexer));
            }
        }

        return threads.Count == 0 && !isEnd ? null : StateOf(threads, isEnd);
    }

    /// <summary>The state of one lexer in the middle of a lexeme.</summary>
    State StateOf(Row row, int lexer)
    {
        ref State? state = ref CollectionsMarshal.GetValueRefOrAddDefault(row.States, lexer, out _);
        return state ??= StateOf([new Thread(row, lexer)], false);
    }

    State StateOf(List<Thread> threads, bool canEnd)
    {
        threads.Sort((x, y) => x.Row.Number != y.Row.Number ? x.Row.Number.CompareTo(y.Row.Number) : x.Lexer.CompareTo(y.Lexer));
        int[] key = new int[(2 * threads.Count) + 1];
        for (int i = 0; i < threads.Count; i++)
        {
            (key[2 * i], key[(2 * i) + 1]) = (threads[i].Row.Number, threads[i].Lexer);
        }

        key[^1] = canEnd ? 1 : 0;
        ref State? state = ref CollectionsMarshal.GetValueRefOrAddDefault(_states, new Sequence(key), out _);
        if (state is null)
        {
            if (_states.Count > MostStates || Bytes > MostBytes)
            {
                _states.Remove(new Sequence(key));
                throw new ConstraintException(
                    $"The constraint needs more than {MostStates} states or {MostBytes >> 20} MB for this text; make its patterns, lengths and counts "
                        + "smaller.");
            }

            state = new State([.. threads], canEnd);
        }

        return state;
    }

    /// <summary>The row of items: these, and all that they wait for.</summary>
    Row RowOf(List<Item> kernel)
    {
        kernel.Sort((x, y) => x.Dot != y.Dot ? x.Dot.CompareTo(y.Dot) : x.Origin.CompareTo(y.Origin));
        int[] key = new int[2 * kernel.Count];
        int length = 0;
        foreach (Item item in kernel)
        {
            if (length == 0 || (key[length - 2], key[length - 1]) != (item.Dot, item.Origin))
            {
                key[length++] = item.Dot;
                key[length++] = item.Origin;
            }
        }

        var sequence = new Sequence(key.AsSpan(0, length));
        if (!_rows.TryGetValue(sequence, out Row? row))
        {
            row = new Row(_rowList.Count);
            _rowList.Add(row);
            try
            {
                Close(row, kernel);
            }
            catch
            {
                _rowList.RemoveAt(_rowList.Count - 1);
                throw;
            }

            _rows.Add(sequence, row);
        }

        return row;
    }

    void Close(Row row, List<Item> kernel)
    {
        var seen = new HashSet<Item>();
        var queue = new Stack<Item>();
        var completed = new HashSet<(int Rule, int Origin)>();
        var predicted = new HashSet<int>();
        var expected = new SortedSet<int>();
        kernel.ForEach(Add);
        while (queue.TryPop(out Item item))
        {
            int symbol = _next[item.Dot];
            if (symbol == Grammar.End)
            {
                int rule = _ruleOf[item.Dot];
                if (rule == _grammar.StartRule)
                {
                    row.IsEnd = true;
                }
                else if (item.Origin != row.Number && completed.Add((rule, item.Origin)))
                {
                    // What is completed in the row it began in is the empty text, which the prediction has passed over already.
                    Complete(rule, _rowList[item.Origin], Add);
                }

                continue;
            }

            row.Wait(symbol, item);
            if (symbol < 0)
            {
                expected.Add(~symbol);
                if (_grammar.LexemeNullable[~symbol])
                {
                    Add(item with { Dot = item.Dot + 1 });
                }

                continue;
            }

            if (symbol < _grammar.Nullable.Length && _grammar.Nullable[symbol])
            {
                Add(item with { Dot = item.Dot + 1 });
            }

            if (predicted.Add(symbol))
            {
                foreach (int dot in Alternatives(symbol))
                {
                    Add(new Item(dot, row.Number));
                }
            }
        }

        _items += seen.Count;
        row.Lexer = expected.Count == 0 ? LexerStates.Dead : _lexer.Start([.. expected]);

        void Add(Item item)
        {
            if (seen.Add(item))
            {
                if (seen.Count > MostItems)
                {
                    throw new ConstraintException(
                        $"The constraint can be read in more than {MostItems} ways at one place of this text; make it less ambiguous.");
                }

                queue.Push(item);
            }
        }
    }

    /// <summary>The beginnings of a rule's alternatives; a family's are written down now.</summary>
    int[] Alternatives(int rule)
    {
        if (_alternatives[rule] is not int[] dots)
        {
            (RuleFamily family, FamilyKey key) = _families[rule];
            var list = new List<int>();
            foreach (Symbol[] symbols in family.Alternatives(key, other => FamilyRule(family, other), _grammar.Produces))
            {
                list.Add(_next.Count);
                foreach (Symbol symbol in symbols)
                {
                    _next.Add(symbol.Index);
                    _ruleOf.Add(rule);
                }

                _next.Add(Grammar.End);
                _ruleOf.Add(rule);
            }

            _alternatives[rule] = dots = [.. list];
        }

        return dots;
    }

    Symbol FamilyRule(RuleFamily family, FamilyKey key)
    {
        ref int rule = ref CollectionsMarshal.GetValueRefOrAddDefault(_familyRules, (family, key), out bool there);
        if (!there)
        {
            rule = _alternatives.Count;
            _alternatives.Add(null);
            _families.Add(rule, (family, key));
        }

        return new Symbol(rule);
    }

    /// <summary>A rule that began in a row is complete: what waited for it there moves on.</summary>
    void Complete(int rule, Row origin, Action<Item> add)
    {
        if (Top(rule, origin) is Item top)
        {
            add(top);
            return;
        }

        foreach (Item waiting in origin.WaitingFor(rule))
        {
            add(waiting with { Dot = waiting.Dot + 1 });
        }
    }

    /// <summary>
    /// Leo's short cut: where one item alone waits for a rule and is itself complete with it, its completion is a certainty, and so on upwards; the last of
    /// these, found once for each row, makes right recursion linear.
    /// </summary>
    Item? Top(int rule, Row origin)
    {
        var path = new List<(Row Row, int Rule)>();
        var passed = new HashSet<(int Row, int Rule)>();
        Item? top = null;
        while (true)
        {
            if (origin.TryTop(rule, out Item? known))
            {
                top = known ?? top;
                break;
            }

            List<Item> waiting = origin.WaitingFor(rule);
            if (waiting.Count != 1 || _next[waiting[0].Dot + 1] != Grammar.End)
            {
                origin.SetTop(rule, null);
                break;
            }

            path.Add((origin, rule));
            passed.Add((origin.Number, rule));
            Item complete = waiting[0] with { Dot = waiting[0].Dot + 1 };
            top = complete;
            int parent = _ruleOf[complete.Dot];

            // The end of the text, or a loop of rules that are each other alone.
            if (parent == _grammar.StartRule || passed.Contains((complete.Origin, parent)))
            {
                break;
            }

            (rule, origin) = (parent, _rowList[complete.Origin]);
        }

        foreach ((Row row, int each) in path)
        {
            row.SetTop(each, top);
        }

        return top;
    }

    /// <summary>A dotted rule and the row in which its rule began.</summary>
    internal readonly record struct Item(int Dot, int Origin);

    /// <summary>A lexer under way.</summary>
    /// <param name="Row">Where it began.</param>
    /// <param name="Lexer">Where it is.</param>
    internal readonly record struct Thread(Row Row, int Lexer);

    /// <summary>Items after some text, by the symbol that they wait for.</summary>
    internal sealed class Row(int number)
    {
        static readonly List<Item> s_none = [];

        readonly Dictionary<int, List<Item>> _waiting = [];
        Dictionary<int, Item?>? _tops;

        /// <summary>By lexer: the state where it alone is under way and the text may not end.</summary>
        public Dictionary<int, State?> States { get; } = [];

        public int Number { get; } = number;

        /// <summary>The lexer before any lexeme that is waited for; <see cref="LexerStates.Dead"/> for none.</summary>
        public int Lexer { get; set; }

        /// <summary>Whether the text may end.</summary>
        public bool IsEnd { get; set; }

        public List<Item> WaitingFor(int symbol) => _waiting.GetValueOrDefault(symbol, s_none);

        public void Wait(int symbol, Item item) => (CollectionsMarshal.GetValueRefOrAddDefault(_waiting, symbol, out _) ??= []).Add(item);

        public bool TryTop(int rule, out Item? top)
        {
            top = null;
            return _tops is not null && _tops.TryGetValue(rule, out top);
        }

        public void SetTop(int rule, Item? top) => (_tops ??= [])[rule] = top;
    }

    /// <summary>A place in the grammar. Equal places are the same object.</summary>
    internal sealed class State(Thread[] threads, bool canEnd)
    {
        public const int Unknown = -2;

        /// <summary>Stands in tables for no state.</summary>
        public static readonly State None = new([], false);

        public Thread[] Threads { get; } = threads;

        /// <summary>Whether the text may end here.</summary>
        public bool CanEnd { get; } = canEnd;

        /// <summary>By byte: where it leads; null for what is not known yet.</summary>
        public State?[]? Table { get; set; }

        /// <summary>The tokens that can follow, while they are remembered.</summary>
        public TokenMask? Mask { get; set; }

        public int Only { get; set; } = Unknown;
    }
}
