using System.Text;

namespace GemmaSharp.Generation.Constraints;

/// <summary>Where an answer is in its grammar: which bytes and tokens can follow. One per answer, not thread-safe.</summary>
sealed class Matcher
{
    /// <summary>The most bytes that are forced at once.</summary>
    public const int MostForced = 4096;

    readonly Chart _chart;
    readonly TokenTrie _trie;
    Chart.State _state;

    /// <summary>At the beginning of a grammar.</summary>
    public Matcher(Grammar grammar, TokenTrie trie)
    {
        _chart = grammar.Chart();
        _trie = trie;
        _state = _chart.Start;
    }

    Matcher(Matcher other) => (_chart, _trie, _state) = (other._chart, other._trie, other._state);

    /// <summary>Whether the text may end here.</summary>
    public bool CanEnd => _state.CanEnd;

    /// <summary>Whether the text can only end here: no byte can follow.</summary>
    public bool MustEnd
    {
        get
        {
            lock (_chart)
            {
                return _state.CanEnd && !_chart.CanGoOn(_state);
            }
        }
    }

    /// <summary>
    /// Whether a token can follow; the state does not change. Control tokens and tokens without bytes never can: their end is <see cref="CanEnd"/>.
    /// </summary>
    /// <exception cref="ConstraintException">The grammar needs more states than are allowed.</exception>
    public bool Accepts(int id) => Follow(BytesOf(id)) is not null;

    /// <summary>Goes on by a token.</summary>
    /// <returns>False when it cannot follow; the state is then as before.</returns>
    /// <exception cref="ConstraintException">The grammar needs more states than are allowed.</exception>
    public bool TryAdvance(int id) => TryAdvance(BytesOf(id));

    /// <summary>Goes on by bytes, which need not be whole tokens.</summary>
    /// <returns>False when they cannot follow, or are none; the state is then as before.</returns>
    /// <exception cref="ConstraintException">The grammar needs more states than are allowed.</exception>
    public bool TryAdvance(ReadOnlySpan<byte> bytes)
    {
        if (Follow(bytes) is not Chart.State state)
        {
            return false;
        }

        _state = state;
        return true;
    }

    /// <summary>All tokens that can follow.</summary>
    /// <param name="mask">Cleared and filled.</param>
    /// <exception cref="ConstraintException">The grammar needs more states than are allowed.</exception>
    public void ComputeMask(TokenMask mask)
    {
        lock (_chart)
        {
            if (_state.Mask is TokenMask known && known.Words.Length == mask.Words.Length)
            {
                known.Words.CopyTo(mask.Words);
                return;
            }

            if (MostPlainFollows())
            {
                _trie.PlainTokens.Words.CopyTo(mask.Words);
                Walk(_trie.Plain, mask, isFull: true);
            }
            else
            {
                mask.Clear();
                Walk(_trie.Plain, mask, isFull: false);
            }

            Walk(_trie.Others, mask, isFull: false);
            _chart.Keep(_state, mask);
        }
    }

    /// <summary>
    /// Tokens that must follow: of the bytes that can be continued in one way only, those tokens whose boundaries no longer token could cross. The state does
    /// not change.
    /// </summary>
    /// <param name="encode">Text to canonical ids.</param>
    /// <param name="ids">Receives them; not cleared.</param>
    /// <exception cref="ConstraintException">The grammar needs more states than are allowed.</exception>
    public void ForcedTokens(Func<string, int[]> encode, List<int> ids)
    {
        lock (_chart)
        {
            var forced = new List<byte>();
            Chart.State state = _state;
            for (int b; forced.Count < MostForced && (b = _chart.Only(state)) >= 0; state = _chart.Next(state, b)!)
            {
                forced.Add((byte)b);
            }

            if (forced.Count == 0)
            {
                return;
            }

            byte[] bytes = [.. forced];
            int whole = WholeCharacters(bytes);
            int[] tokens = encode(Encoding.UTF8.GetString(bytes, 0, whole));
            int count = 0, length = 0;
            foreach (int id in tokens)
            {
                // Canonical ids spell the text; should a tokenizer normalise, what it changed is drawn.
                ReadOnlySpan<byte> spelled = BytesOf(id);
                if (spelled.IsEmpty || !bytes.AsSpan(length, whole - length).StartsWith(spelled))
                {
                    break;
                }

                if (CanBeCrossed(bytes.AsSpan(length), state))
                {
                    break;
                }

                length += spelled.Length;
                count++;
            }

            ids.AddRange(tokens.AsSpan(0, count));
        }
    }

    /// <summary>An independent copy of the state.</summary>
    public Matcher Clone() => new(this);

    ReadOnlySpan<byte> BytesOf(int id) => (uint)id < (uint)_trie.Vocabulary ? _trie.Bytes(id) : default;

    Chart.State? Follow(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
        {
            return null;
        }

        lock (_chart)
        {
            Chart.State? state = _state;
            foreach (byte b in bytes)
            {
                state = _chart.Next(state, b);
                if (state is null)
                {
                    return null;
                }
            }

            return state;
        }
    }

    /// <summary>Whether some token goes from here past the end of the forced bytes, into what may follow them.</summary>
    bool CanBeCrossed(ReadOnlySpan<byte> rest, Chart.State after)
    {
        var children = new List<byte>();
        _trie.All.Extensions(rest, children);
        return children.Exists(b => _chart.Next(after, b) is not null);
    }

    /// <summary>Whether most tokens of plain text can follow, as far as their first byte tells.</summary>
    bool MostPlainFollows()
    {
        ReadOnlySpan<TokenNodes.Node> nodes = _trie.Plain.Nodes;
        int following = 0, ids = nodes[^1].Ids;
        for (int i = 0; i < nodes.Length - 1; i = nodes[i].End)
        {
            if (_chart.Next(_state, nodes[i].Byte) is Chart.State next && _chart.IsPlain(next, nodes[i].Below))
            {
                following += nodes[nodes[i].End].Ids - nodes[i].Ids;
            }
        }

        return following > ids / 2;
    }

    /// <summary>Goes through a trie as far as its bytes can follow.</summary>
    /// <param name="trie">Plain tokens or others.</param>
    /// <param name="mask">Receives the tokens that can follow.</param>
    /// <param name="isFull">Whether all tokens of the trie are in it, and those that cannot follow are taken out.</param>
    void Walk(TokenNodes trie, TokenMask mask, bool isFull)
    {
        bool isPlain = trie == _trie.Plain;
        ReadOnlySpan<TokenNodes.Node> nodes = trie.Nodes;
        ReadOnlySpan<int> ids = trie.Ids;
        var path = new Chart.State[trie.MostDepth + 1];
        path[0] = _state;
        for (int i = 0; i < nodes.Length - 1;)
        {
            ref readonly TokenNodes.Node node = ref nodes[i];
            Chart.State before = path[node.Depth];
            Chart.State? next = before.Table?[node.Byte];
            next = next is null ? _chart.Next(before, node.Byte) : next == Chart.State.None ? null : next;
            int end = next is null || (isPlain && node.Below > 0 && _chart.IsPlain(next, node.Below)) ? node.End : i + 1;
            if (next is null == isFull)
            {
                foreach (int id in ids[node.Ids..nodes[end].Ids])
                {
                    if (isFull)
                    {
                        mask.Remove(id);
                    }
                    else
                    {
                        mask.Add(id);
                    }
                }
            }

            if (next is not null)
            {
                path[node.Depth + 1] = next;
            }

            i = end;
        }
    }

    /// <summary>Bytes up to the last whole character.</summary>
    static int WholeCharacters(ReadOnlySpan<byte> bytes)
    {
        int length = bytes.Length;
        for (int back = 1; back <= Math.Min(3, length); back++)
        {
            byte b = bytes[length - back];
            if ((b & 0xC0) == 0xC0)
            {
                int needed = b >= 0xF0 ? 4 : b >= 0xE0 ? 3 : 2;
                return needed > back ? length - back : length;
            }

            if (b < 0x80)
            {
                return length;
            }
        }

        return length;
    }
}
