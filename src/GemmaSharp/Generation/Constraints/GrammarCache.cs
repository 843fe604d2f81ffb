namespace GemmaSharp.Generation.Constraints;

/// <summary>Constraints by what they were compiled from, the last used ones up to a number of bytes.</summary>
/// <remarks>Thread-safe. Two who ask for the same at the same time may both compile it.</remarks>
sealed class GrammarCache(long mostBytes)
{
    readonly Lock _lock = new();
    readonly Dictionary<Key, LinkedListNode<(Key Key, Grammar Grammar)>> _entries = [];
    readonly LinkedList<(Key Key, Grammar Grammar)> _order = [];

    /// <summary>The cache of the process.</summary>
    public static GrammarCache Shared { get; } = new(64 << 20);

    /// <summary>Bytes held, about: what matchers have found out grows while they are at work.</summary>
    public long Bytes
    {
        get
        {
            lock (_lock)
            {
                return _order.Sum(Held);
            }
        }
    }

    /// <summary>What a grammar was compiled from: its kind, how, and the text itself.</summary>
    public readonly record struct Key(string Kind, JsonSchemaOptions? Options, string Source)
    {
        public static implicit operator Key((string Kind, JsonSchemaOptions? Options, string Source) key) => new(key.Kind, key.Options, key.Source);
    }

    /// <summary>The constraint of a source.</summary>
    /// <param name="key">The source.</param>
    /// <param name="define">Adds its rules to a grammar, where it is not known.</param>
    /// <param name="instruction">What the prompt tells the model.</param>
    /// <exception cref="ConstraintException">It cannot be compiled.</exception>
    public Constraint Get(Key key, Func<GrammarBuilder, Symbol> define, string? instruction)
    {
        lock (_lock)
        {
            if (_entries.TryGetValue(key, out LinkedListNode<(Key, Grammar Grammar)>? known))
            {
                _order.Remove(known);
                _order.AddFirst(known);
                Trim();
                return new Constraint(known.Value.Grammar, define, instruction);
            }
        }

        var builder = new GrammarBuilder();
        Grammar grammar = builder.Build(define(builder));
        lock (_lock)
        {
            if (!_entries.ContainsKey(key))
            {
                _entries.Add(key, _order.AddFirst((key, grammar)));
                Trim();
            }
        }

        return new Constraint(grammar, define, instruction);
    }

    /// <summary>Forgets what was not used for longest, until the rest is no more than it may be; the last used one stays.</summary>
    void Trim()
    {
        long bytes = _order.Sum(Held);
        while (bytes > mostBytes && _order.Count > 1)
        {
            bytes -= Held(_order.Last!.Value);
            _entries.Remove(_order.Last.Value.Key);
            _order.RemoveLast();
        }
    }

    static long Held((Key Key, Grammar Grammar) entry) => entry.Grammar.Held + (2L * entry.Key.Source.Length);
}
