using System.Runtime.CompilerServices;
using System.Text;
using GemmaSharp.Prompting.Tokenization;

namespace GemmaSharp.Generation.Constraints;

/// <summary>The tokens of a vocabulary by their bytes: a flat trie in depth-first order, built once for a tokenizer and shared.</summary>
/// <remarks>
/// Tokens of plain text, that is of characters that mean nothing in JSON strings, are kept apart from all others as well: where any plain text can follow, all
/// tokens below a node are allowed, and need not be looked at. Immutable, thread-safe.
/// </remarks>
sealed class TokenTrie
{
    /// <summary>Tokens of more bytes are never drawn; no tokenizer has such.</summary>
    const int LongestToken = 4096;

    static readonly ConditionalWeakTable<Tokenizer, TokenTrie> s_tries = [];

    readonly byte[] _bytes;
    readonly int[] _start;

    TokenTrie(Tokenizer tokenizer, int vocabulary)
    {
        Vocabulary = vocabulary;
        var bytes = new List<byte>();
        _start = new int[vocabulary + 1];
        var ids = new List<int>();
        for (int id = 0; id < vocabulary; id++)
        {
            _start[id] = bytes.Count;
            StreamingDetokenizer.AppendBytes(tokenizer, id, bytes);
            if (bytes.Count - _start[id] is > 0 and <= LongestToken)
            {
                ids.Add(id);
            }
            else
            {
                bytes.RemoveRange(_start[id], bytes.Count - _start[id]);
            }
        }

        _start[vocabulary] = bytes.Count;
        _bytes = [.. bytes];
        int[] sorted = [.. ids];
        Array.Sort(sorted, (x, y) => Bytes(x).SequenceCompareTo(Bytes(y)) is not 0 and int order ? order : x.CompareTo(y));
        All = new TokenNodes(sorted, this);
        int[] plain = Array.FindAll(sorted, id => PlainLength(Bytes(id)) >= 0);
        Plain = new TokenNodes(plain, this);
        Others = new TokenNodes(Array.FindAll(sorted, id => PlainLength(Bytes(id)) < 0), this);
        PlainTokens = new TokenMask(vocabulary);
        Array.ForEach(plain, PlainTokens.Add);
    }

    /// <summary>V: one more than the largest id with a logit.</summary>
    public int Vocabulary { get; }

    /// <summary>All tokens.</summary>
    public TokenNodes All { get; }

    /// <summary>The tokens of plain text.</summary>
    public TokenNodes Plain { get; }

    /// <summary>All but those of plain text.</summary>
    public TokenNodes Others { get; }

    /// <summary>The tokens of plain text as a set; not to be changed.</summary>
    public TokenMask PlainTokens { get; }

    /// <summary>The trie of a tokenizer, built at first use.</summary>
    /// <param name="tokenizer">Whose tokens.</param>
    /// <param name="vocabulary">V: one more than the largest id with a logit.</param>
    public static TokenTrie For(Tokenizer tokenizer, int vocabulary)
    {
        TokenTrie trie = s_tries.GetValue(tokenizer, each => new TokenTrie(each, vocabulary));
        return trie.Vocabulary == vocabulary ? trie : new TokenTrie(tokenizer, vocabulary);
    }

    /// <summary>The bytes that a token adds to the text; empty for a control token and for ids without a piece.</summary>
    public ReadOnlySpan<byte> Bytes(int id) => _bytes.AsSpan(_start[id], _start[id + 1] - _start[id]);

    /// <summary>How many code points of plain text; −1 for what is no such text.</summary>
    static int PlainLength(ReadOnlySpan<byte> bytes)
    {
        int length = 0;
        while (bytes.Length > 0)
        {
            if (Rune.DecodeFromUtf8(bytes, out Rune rune, out int used) != System.Buffers.OperationStatus.Done || rune.Value is < 0x20 or '"' or '\\' or 0x7F)
            {
                return -1;
            }

            bytes = bytes[used..];
            length++;
        }

        return length;
    }
}

/// <summary>A trie of tokens in depth-first order.</summary>
sealed class TokenNodes
{
    readonly Node[] _nodes;
    readonly int[] _ids;

    /// <summary>Makes the trie of tokens that are sorted by their bytes.</summary>
    public TokenNodes(int[] sorted, TokenTrie trie)
    {
        var nodes = new List<Node>();
        var open = new Stack<int>();
        ReadOnlySpan<byte> last = default;
        for (int i = 0; i < sorted.Length; i++)
        {
            ReadOnlySpan<byte> bytes = trie.Bytes(sorted[i]);
            int common = last.CommonPrefixLength(bytes);
            while (open.Count > common)
            {
                Close(open.Pop());
            }

            for (int depth = common; depth < bytes.Length; depth++)
            {
                open.Push(nodes.Count);
                nodes.Add(new Node { Byte = bytes[depth], Depth = (ushort)depth, Ids = i });
                MostDepth = Math.Max(MostDepth, depth + 1);
            }

            last = bytes;
        }

        while (open.TryPop(out int node))
        {
            Close(node);
        }

        nodes.Add(new Node { End = nodes.Count, Ids = sorted.Length });
        _nodes = [.. nodes];
        _ids = sorted;

        void Close(int index)
        {
            // Code points below: the first bytes of characters among the descendants, along the longest way down.
            int longest = 0;
            for (int child = index + 1; child < nodes.Count; child = nodes[child].End)
            {
                longest = Math.Max(longest, nodes[child].Below + ((nodes[child].Byte & 0xC0) != 0x80 ? 1 : 0));
            }

            nodes[index] = nodes[index] with { End = nodes.Count, Below = (ushort)longest };
        }
    }

    /// <summary>Nodes, and one more behind the last.</summary>
    public ReadOnlySpan<Node> Nodes => _nodes;

    /// <summary>The tokens in the order of their nodes.</summary>
    public ReadOnlySpan<int> Ids => _ids;

    /// <summary>The most bytes of a token.</summary>
    public int MostDepth { get; }

    /// <summary>The children of the node at the end of some bytes.</summary>
    /// <param name="bytes">The bytes.</param>
    /// <param name="children">Receives the bytes that can follow; not cleared.</param>
    public void Extensions(ReadOnlySpan<byte> bytes, List<byte> children)
    {
        int at = 0, end = _nodes.Length - 1;
        foreach (byte b in bytes)
        {
            while (at < end && _nodes[at].Byte != b)
            {
                at = _nodes[at].End;
            }

            if (at >= end)
            {
                return;
            }

            (at, end) = (at + 1, _nodes[at].End);
        }

        for (; at < end; at = _nodes[at].End)
        {
            children.Add(_nodes[at].Byte);
        }
    }

    /// <summary>One byte of one or more tokens.</summary>
    public readonly record struct Node
    {
        /// <summary>Past the node's last descendant.</summary>
        public int End { get; init; }

        /// <summary>Where its tokens begin; they end where the next node's begin.</summary>
        public int Ids { get; init; }

        /// <summary>Bytes before it.</summary>
        public ushort Depth { get; init; }

        /// <summary>The most code points of its descendants.</summary>
        public ushort Below { get; init; }

        /// <summary>The byte.</summary>
        public byte Byte { get; init; }
    }
}
