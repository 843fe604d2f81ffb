using System.Runtime.InteropServices;

namespace GemmaSharp.Generation.Constraints;

/// <summary>Regular expressions over bytes, hash-consed: equal expressions are one number.</summary>
/// <remarks>
/// <para>
/// An expression is read by derivatives: the derivative by a byte matches what may follow that byte. Every operation simplifies, so that the derivatives of an
/// expression stay few; and-not expressions that match nothing are found out by looking at their derivatives, and become <see cref="Nothing"/>.
/// </para>
/// <para>Bounded: more nodes than are allowed throw. Not thread-safe. Source: Brzozowski, "Derivatives of Regular Expressions" (1964).</para>
/// </remarks>
sealed class Expressions
{
    /// <summary>The most nodes; some 60 bytes each.</summary>
    public const int MostNodes = 1 << 20;

    /// <summary>The most derivatives that are looked at to find out whether an expression matches nothing.</summary>
    const int MostExplored = 20_000;

    /// <summary>The same for all expressions of one grammar together, while it is compiled: a second of work.</summary>
    const int MostExploredInAll = 100_000;

    /// <summary>How far alternatives are factored into their common beginnings.</summary>
    const int FactoringDepth = 64;

    enum Kind : byte
    {
        Nothing,
        Empty,
        Bytes,
        Concat,
        Or,
        And,
        Not,
        Repeat,
        Automaton,
    }

    /// <summary>One expression.</summary>
    /// <param name="Kind">What it is.</param>
    /// <param name="Nullable">Whether it matches the empty text.</param>
    /// <param name="Exact">Whether it is known to match something unless it is <see cref="Nothing"/>: it has no and, no not.</param>
    /// <param name="X">The set, the first part, or where the parts of a list start.</param>
    /// <param name="Y">The second part, how many parts, or the least count.</param>
    /// <param name="Z">The most count; −1 without end.</param>
    readonly record struct Node(Kind Kind, bool Nullable, bool Exact, int X, int Y, int Z);

    /// <summary>Counts above this are far from their end for any token and a few characters more.</summary>
    public const int FarCount = 288;

    /// <summary>How deeply far counts are looked for.</summary>
    const int FarDepth = 200;

    readonly List<Node> _nodes = [];
    readonly List<ByteSet> _sets = [];
    readonly Dictionary<ByteSet, int> _setNumbers = [];
    readonly Dictionary<Node, int> _numbers = [];
    readonly List<int> _parts = [];
    readonly Dictionary<Sequence, int> _lists = [];
    readonly List<Automaton> _automata = [];
    readonly Dictionary<int, bool> _dead = [];
    readonly bool _isCompiled;
    long _explored;
    readonly Dictionary<int, int> _unbounded = [];
    readonly List<List<Derivative>?> _derivatives = [];

    readonly record struct Derivative(ByteSet Class, int Result);

    /// <summary>No expressions but the simplest.</summary>
    public Expressions()
    {
        Nothing = Intern(new Node(Kind.Nothing, false, true, 0, 0, 0));
        Empty = Intern(new Node(Kind.Empty, true, true, 0, 0, 0));
        AnyByte = Set(ByteSet.All);
        Anything = Repeat(AnyByte, 0, null);
    }

    /// <summary>The same expressions with the same numbers, to go on with.</summary>
    public Expressions(Expressions source)
    {
        // Matchers of many texts explore without end, a little each.
        _isCompiled = true;
        _nodes = [.. source._nodes];
        _sets = [.. source._sets];
        _setNumbers = new(source._setNumbers);
        _numbers = new(source._numbers);
        _parts = [.. source._parts];
        _lists = new(source._lists);
        _automata = [.. source._automata];
        _dead = new(source._dead);
        _derivatives = [.. new List<Derivative>?[source._nodes.Count]];
        (Nothing, Empty, AnyByte, Anything) = (source.Nothing, source.Empty, source.AnyByte, source.Anything);
    }

    /// <summary>Matches nothing at all.</summary>
    public int Nothing { get; }

    /// <summary>Matches the empty text.</summary>
    public int Empty { get; }

    /// <summary>Matches every byte string.</summary>
    public int Anything { get; }

    int AnyByte { get; }

    /// <summary>Bytes held, about.</summary>
    public long Size => (_nodes.Count * 100L) + (_parts.Count * 4L);

    /// <summary>Whether it matches the empty text.</summary>
    public bool IsNullable(int part) => _nodes[part].Nullable;

    /// <summary>One byte of a set.</summary>
    public int Set(ByteSet set)
    {
        if (set.IsEmpty)
        {
            return Nothing;
        }

        if (!_setNumbers.TryGetValue(set, out int number))
        {
            number = _sets.Count;
            _sets.Add(set);
            _setNumbers.Add(set, number);
        }

        return Intern(new Node(Kind.Bytes, false, true, number, 0, 0));
    }

    /// <summary>One byte out of ranges, first and last included.</summary>
    public int Bytes(params ReadOnlySpan<(byte First, byte Last)> ranges)
    {
        ByteSet set = default;
        foreach ((byte first, byte last) in ranges)
        {
            set |= ByteSet.Range(first, last);
        }

        return Set(set);
    }

    /// <summary>These bytes.</summary>
    public int Literal(ReadOnlySpan<byte> bytes)
    {
        int result = Empty;
        for (int i = bytes.Length - 1; i >= 0; i--)
        {
            result = Pair(Set(ByteSet.Range(bytes[i], bytes[i])), result);
        }

        return result;
    }

    /// <summary>One code point of a set, in UTF-8.</summary>
    public int CodePoints(CodePointSet set)
    {
        var sequences = new List<int>();
        foreach ((int first, int last) in set.Ranges)
        {
            AddUtf8(first, last, sequences);
        }

        return Or(CollectionsMarshal.AsSpan(sequences));
    }

    /// <summary>One after another.</summary>
    public int Concat(params ReadOnlySpan<int> parts)
    {
        int result = Empty;
        for (int i = parts.Length - 1; i >= 0; i--)
        {
            result = Pair(parts[i], result);
        }

        return result;
    }

    /// <summary>Any of them.</summary>
    public int Or(params ReadOnlySpan<int> parts) => Or(parts, 0);

    /// <summary>All of them at once.</summary>
    public int And(params ReadOnlySpan<int> parts)
    {
        var list = new List<int>();
        ByteSet set = ByteSet.All;
        bool hasSet = false;
        foreach (int part in parts)
        {
            foreach (int each in Flat(Kind.And, part))
            {
                switch (_nodes[each].Kind)
                {
                    case Kind.Nothing:
                        return Nothing;
                    case Kind.Bytes:
                        set &= _sets[_nodes[each].X];
                        hasSet = true;
                        break;
                    default:
                        if (each != Anything)
                        {
                            list.Add(each);
                        }

                        break;
                }
            }
        }

        if (hasSet)
        {
            list.Add(Set(set));
        }

        list.Sort();
        Distinct(list);
        if (list.Contains(Nothing))
        {
            return Nothing;
        }

        if (list.Contains(Empty))
        {
            return list.TrueForAll(IsNullable) ? Empty : Nothing;
        }

        return list.Count switch
        {
            0 => Anything,
            1 => list[0],
            _ => InternList(Kind.And, list, list.TrueForAll(IsNullable)),
        };
    }

    /// <summary>Every byte string that the expression does not match; intersect it with what is well formed.</summary>
    public int Not(int part) => _nodes[part].Kind switch
    {
        Kind.Not => _nodes[part].X,
        Kind.Nothing => Anything,
        _ when part == Anything => Nothing,
        _ => Intern(new Node(Kind.Not, !_nodes[part].Nullable, false, part, 0, 0)),
    };

    /// <summary>Again and again.</summary>
    /// <param name="part">What.</param>
    /// <param name="min">At least.</param>
    /// <param name="max">At most; null without end.</param>
    public int Repeat(int part, int min, int? max)
    {
        int most = max ?? -1;
        Node node = _nodes[part];
        if (most == 0 || part == Empty)
        {
            return Empty;
        }

        if (part == Nothing)
        {
            return min == 0 ? Empty : Nothing;
        }

        // Copies of what may be empty may be left out.
        min = node.Nullable ? 0 : min;
        if (min == 1 && most == 1)
        {
            return part;
        }

        if (most == 1 && node.Nullable)
        {
            return part;
        }

        bool star = node is { Kind: Kind.Repeat, Y: 0, Z: -1 };
        return star ? part : Intern(new Node(Kind.Repeat, min == 0, node.Exact, part, min, most));
    }

    /// <summary>What an automaton accepts from a state of its own on.</summary>
    public int Of(Automaton automaton, int state)
    {
        if (state < 0)
        {
            return Nothing;
        }

        int number = _automata.IndexOf(automaton);
        if (number < 0)
        {
            number = _automata.Count;
            _automata.Add(automaton);
        }

        return Intern(new Node(Kind.Automaton, automaton.Accepts(state), false, number, state, 0));
    }

    /// <summary>Whether it matches nothing at all: decided exactly, by its derivatives.</summary>
    /// <exception cref="ConstraintException">It has too many derivatives to tell.</exception>
    public bool IsNothing(int part)
    {
        if (part == Nothing)
        {
            return true;
        }

        if (_nodes[part].Exact || _nodes[part].Nullable)
        {
            return false;
        }

        if (_dead.TryGetValue(part, out bool dead))
        {
            return dead;
        }

        var seen = new HashSet<int> { part };
        var queue = new Stack<int>();
        queue.Push(part);
        bool matches = false;
        while (!matches && queue.TryPop(out int each))
        {
            for (ByteSet left = ByteSet.All; !left.IsEmpty && !matches;)
            {
                ByteSet of = ByteSet.All;
                int next = Derive(each, left.Next(0), ref of);
                left &= ~of;
                if (next == Nothing || (_dead.TryGetValue(next, out bool known) && known))
                {
                    continue;
                }

                matches = _nodes[next].Nullable || _nodes[next].Exact || _dead.ContainsKey(next);
                if (!matches && seen.Add(next))
                {
                    queue.Push(next);
                    if (!_isCompiled && ++_explored > MostExploredInAll)
                    {
                        throw new ConstraintException(
                            $"The constraint combines its expressions in more than {MostExploredInAll} states in all; make patterns and lengths that hold "
                                + "at once fewer or simpler.");
                    }

                    if (seen.Count > MostExplored)
                    {
                        throw new ConstraintException(
                            $"The constraint combines expressions with more than {MostExplored} common states; make patterns and lengths that hold at "
                                + "once simpler.");
                    }
                }
            }
        }

        if (!matches)
        {
            foreach (int each in seen)
            {
                _dead[each] = true;
            }
        }

        _dead[part] = !matches;
        return !matches;
    }

    /// <summary>
    /// The same without limits that are far away: it matches the same beginnings of up to <see cref="FarCount"/> bytes, and more ends.
    /// </summary>
    public int Unbounded(int part) => Unbounded(part, 0);

    int Unbounded(int part, int depth)
    {
        Node node = _nodes[part];
        if (node.Kind is Kind.Nothing or Kind.Empty or Kind.Bytes or Kind.Not or Kind.Automaton || depth > FarDepth)
        {
            return part;
        }

        if (!_unbounded.TryGetValue(part, out int result))
        {
            result = node.Kind switch
            {
                Kind.Concat => Pair(Unbounded(node.X, depth + 1), Unbounded(node.Y, depth + 1)),
                Kind.Or => Or([.. _parts.GetRange(node.X, node.Y).Select(each => Unbounded(each, depth + 1))]),
                Kind.And => And([.. _parts.GetRange(node.X, node.Y).Select(each => Unbounded(each, depth + 1))]),
                _ when node.Z > FarCount && node.Y <= 1 => Repeat(Unbounded(node.X, depth + 1), node.Y, null),
                _ => Repeat(Unbounded(node.X, depth + 1), node.Y, node.Z < 0 ? null : node.Z),
            };
            _unbounded.Add(part, result);
        }

        return result;
    }

    /// <summary>What may follow a byte.</summary>
    /// <param name="part">The expression.</param>
    /// <param name="b">The byte.</param>
    /// <param name="of">Narrowed to bytes that give the same as this one.</param>
    public int Derive(int part, int b, ref ByteSet of)
    {
        Node node = _nodes[part];
        switch (node.Kind)
        {
            case Kind.Nothing:
            case Kind.Empty:
                return Nothing;
            case Kind.Bytes:
                ByteSet set = _sets[node.X];
                of &= set[b] ? set : ~set;
                return set[b] ? Empty : Nothing;
        }

        List<Derivative> known = _derivatives[part] ??= [];
        foreach (Derivative each in known)
        {
            if (each.Class[b])
            {
                of &= each.Class;
                return each.Result;
            }
        }

        ByteSet own = ByteSet.All;
        int result = node.Kind switch
        {
            Kind.Concat => DeriveConcat(part, b, ref own),
            Kind.Or => DeriveOr(node, b, ref own),
            Kind.And => DeriveAnd(node, b, ref own),
            Kind.Not => Not(Derive(node.X, b, ref own)),
            Kind.Automaton => DeriveAutomaton(node, b, ref own),
            _ => Pair(Derive(node.X, b, ref own), Repeat(node.X, Math.Max(0, node.Y - 1), node.Z < 0 ? null : node.Z - 1)),
        };
        known.Add(new Derivative(own, result));
        of &= own;
        return result;
    }

    int DeriveConcat(int part, int b, ref ByteSet own)
    {
        // The derivative by the first part, and by each later one while all before it may be empty.
        var alternatives = new List<int>();
        int rest = part;
        while (true)
        {
            Node node = _nodes[rest];
            if (node.Kind != Kind.Concat)
            {
                alternatives.Add(Derive(rest, b, ref own));
                break;
            }

            alternatives.Add(Pair(Derive(node.X, b, ref own), node.Y));
            if (!_nodes[node.X].Nullable)
            {
                break;
            }

            rest = node.Y;
        }

        return Or(CollectionsMarshal.AsSpan(alternatives));
    }

    int DeriveAutomaton(Node node, int b, ref ByteSet own)
    {
        Automaton automaton = _automata[node.X];
        int next = automaton.Next(node.Y, b);
        own &= ByteSet.Range(b, b);
        for (int other = 0; other < 256; other++)
        {
            if (automaton.Next(node.Y, other) == next)
            {
                own |= ByteSet.Range(other, other);
            }
        }

        return Of(automaton, next);
    }

    int DeriveOr(Node node, int b, ref ByteSet own)
    {
        var results = new List<int>();
        for (int i = 0; i < node.Y; i++)
        {
            int result = Derive(_parts[node.X + i], b, ref own);
            if (result != Nothing)
            {
                results.Add(result);
            }
        }

        return Or(CollectionsMarshal.AsSpan(results));
    }

    int DeriveAnd(Node node, int b, ref ByteSet own)
    {
        int[] results = new int[node.Y];
        for (int i = 0; i < node.Y; i++)
        {
            results[i] = Derive(_parts[node.X + i], b, ref own);
            if (results[i] == Nothing)
            {
                return Nothing;
            }
        }

        return And(results);
    }

    /// <summary>One after another, leaning to the right.</summary>
    int Pair(int first, int second)
    {
        if (first == Nothing || second == Nothing)
        {
            return Nothing;
        }

        if (first == Empty || second == Empty)
        {
            return first == Empty ? second : first;
        }

        // (a b) c is a (b c).
        var heads = new Stack<int>();
        while (_nodes[first].Kind == Kind.Concat)
        {
            heads.Push(_nodes[first].X);
            first = _nodes[first].Y;
        }

        heads.Push(first);
        int result = second;
        while (heads.TryPop(out int head))
        {
            Node x = _nodes[head], y = _nodes[result];
            result = Intern(new Node(Kind.Concat, x.Nullable && y.Nullable, x.Exact && y.Exact, head, result, 0));
        }

        return result;
    }

    int Or(ReadOnlySpan<int> parts, int depth)
    {
        var list = new List<int>();
        ByteSet set = default;
        foreach (int part in parts)
        {
            foreach (int each in Flat(Kind.Or, part))
            {
                if (each == Anything)
                {
                    return Anything;
                }

                if (_nodes[each].Kind == Kind.Bytes)
                {
                    set |= _sets[_nodes[each].X];
                }
                else if (each != Nothing)
                {
                    list.Add(each);
                }
            }
        }

        if (!set.IsEmpty)
        {
            list.Add(Set(set));
        }

        list.Sort();
        Distinct(list);
        if (depth < FactoringDepth && list.Count > 1)
        {
            list = Factored(list, depth);
        }

        // The empty text is in what may be empty anyway.
        if (list.Count > 1 && list.Exists(each => each != Empty && _nodes[each].Nullable))
        {
            list.Remove(Empty);
        }

        return list.Count switch
        {
            0 => Nothing,
            1 => list[0],
            _ => InternList(Kind.Or, list, list.Exists(IsNullable)),
        };
    }

    /// <summary>Alternatives that begin with the same single byte set share that beginning.</summary>
    List<int> Factored(List<int> list, int depth)
    {
        Dictionary<int, List<int>>? tails = null;
        var heads = new Dictionary<int, int>();
        foreach (int each in list)
        {
            if (Head(each) is int head and >= 0 && !heads.TryAdd(head, each))
            {
                tails ??= [];
                if (!tails.TryGetValue(head, out List<int>? of))
                {
                    tails.Add(head, of = [Tail(heads[head])]);
                }

                of.Add(Tail(each));
            }
        }

        if (tails is null)
        {
            return list;
        }

        List<int> result = [.. list.Where(each => Head(each) is int head && (head < 0 || !tails.ContainsKey(head)))];
        foreach ((int head, List<int> rest) in tails)
        {
            result.Add(Pair(head, Or(CollectionsMarshal.AsSpan(rest), depth + 1)));
        }

        result.Sort();
        Distinct(result);
        return result;
    }

    int Head(int part) => _nodes[part] switch
    {
        { Kind: Kind.Concat, X: int head } when _nodes[head].Kind == Kind.Bytes => head,
        { Kind: Kind.Bytes } => part,
        _ => -1,
    };

    int Tail(int part) => _nodes[part].Kind == Kind.Concat ? _nodes[part].Y : Empty;

    ReadOnlySpan<int> Flat(Kind kind, int part)
    {
        Node node = _nodes[part];
        return node.Kind == kind ? _parts.GetRange(node.X, node.Y).ToArray() : new[] { part };
    }

    static void Distinct(List<int> sorted)
    {
        int n = 0;
        for (int i = 0; i < sorted.Count; i++)
        {
            if (n == 0 || sorted[n - 1] != sorted[i])
            {
                sorted[n++] = sorted[i];
            }
        }

        sorted.RemoveRange(n, sorted.Count - n);
    }

    int InternList(Kind kind, List<int> list, bool nullable)
    {
        var key = new Sequence([(int)kind, .. list]);
        if (!_lists.TryGetValue(key, out int number))
        {
            int start = _parts.Count;
            _parts.AddRange(list);
            number = Add(new Node(kind, nullable, kind == Kind.Or && list.TrueForAll(each => _nodes[each].Exact), start, list.Count, 0));
            _lists.Add(key, number);
        }

        return number;
    }

    int Intern(Node node)
    {
        if (!_numbers.TryGetValue(node, out int number))
        {
            number = Add(node);
            _numbers.Add(node, number);
        }

        return number;
    }

    int Add(Node node)
    {
        if (_nodes.Count >= MostNodes || _parts.Count > 16 * MostNodes)
        {
            throw new ConstraintException($"The constraint needs more than {MostNodes} expressions; make it simpler.");
        }

        _nodes.Add(node);
        _derivatives.Add(null);
        return _nodes.Count - 1;
    }

    /// <summary>Ranges of code points as UTF-8: cut where the length or the shared first bytes change, as re2 does.</summary>
    void AddUtf8(int first, int last, List<int> sequences)
    {
        ReadOnlySpan<int> limits = [0x7F, 0x7FF, 0xFFFF, 0x10FFFF];
        for (int n = 0; n < 4 && first <= last; n++)
        {
            int end = Math.Min(last, limits[n]);
            if (first <= end)
            {
                AddUtf8(first, end, n + 1, sequences);
                first = end + 1;
            }
        }
    }

    void AddUtf8(int first, int last, int length, List<int> sequences)
    {
        if (length == 1)
        {
            sequences.Add(Set(ByteSet.Range(first, last)));
            return;
        }

        for (int i = 1; i < length; i++)
        {
            int mask = (1 << (6 * i)) - 1;
            if ((first & ~mask) != (last & ~mask))
            {
                if ((first & mask) != 0)
                {
                    AddUtf8(first, first | mask, length, sequences);
                    AddUtf8((first | mask) + 1, last, length, sequences);
                    return;
                }

                if ((last & mask) != mask)
                {
                    AddUtf8(first, (last & ~mask) - 1, length, sequences);
                    AddUtf8(last & ~mask, last, length, sequences);
                    return;
                }
            }
        }

        int result = Empty;
        for (int i = 0; i < length; i++)
        {
            int shift = 6 * i;
            int lead = i < length - 1 ? 0x80 : length switch { 2 => 0xC0, 3 => 0xE0, _ => 0xF0 };
            int bits = i < length - 1 ? 0x3F : length switch { 2 => 0x1F, 3 => 0x0F, _ => 0x07 };
            result = Pair(Set(ByteSet.Range(lead | ((first >> shift) & bits), lead | ((last >> shift) & bits))), result);
        }

        sequences.Add(result);
    }
}
