namespace GemmaSharp.Model.Text;

/// <summary>A ragged batch: tokens of any number of sequences that go through the model together.</summary>
/// <remarks>
/// A prefill chunk of one sequence, one token each of eight, or both mixed: linear layers see <c>[T, C]</c>, only attention knows sequences.
/// Reuse one instance; not thread-safe.
/// </remarks>
sealed class TextStep
{
    static readonly List<EmbeddingRows> s_noRows = [];

    readonly List<Chunk> _chunks = [];
    int[] _ids = new int[16];

    /// <summary>One entry for each sequence.</summary>
    public List<Chunk> Chunks => _chunks;

    /// <summary>Token ids of all rows, chunk after chunk.</summary>
    public ReadOnlySpan<int> Ids => _ids.AsSpan(0, Rows);

    /// <summary>Rows so far.</summary>
    public int Rows { get; private set; }

    /// <summary>Rows whose logits are wanted.</summary>
    public int LogitsRows { get; private set; }

    /// <summary>Empties the batch.</summary>
    public void Clear()
    {
        _chunks.Clear();
        Rows = 0;
        LogitsRows = 0;
    }

    /// <summary>Adds the next tokens of a sequence.</summary>
    /// <param name="cache">The sequence's cache; it is extended when the step runs. A cache may occur once in a step.</param>
    /// <param name="ids">The tokens, at positions <c>cache.Length …</c>; at least one, at most <see cref="KvCache.MaxStepRows"/>.</param>
    /// <param name="logitsRows">For how many of the last tokens logits are wanted: 0 for a prefill chunk in the middle, 1 for the next token, all for a
    /// trace.</param>
    /// <param name="embeddings">Rows that replace the table's, such as those of pictures and clips; null for none.</param>
    /// <param name="adapters">What is added to the linear layers for these rows; the same for every chunk of a sequence. Null for nothing.</param>
    /// <exception cref="ArgumentException">An argument is out of its range, or the cache is already in this step.</exception>
    public void Add(KvCache cache, ReadOnlySpan<int> ids, int logitsRows, List<EmbeddingRows>? embeddings = null, AdapterSet? adapters = null)
    {
        ArgumentNullException.ThrowIfNull(cache);
        if (ids.Length == 0 || ids.Length > cache.MaxStepRows)
        {
            throw new ArgumentException(
                $"The chunk has {ids.Length} tokens and this cache takes 1 to {cache.MaxStepRows} in one step; split the prompt into chunks.", nameof(ids));
        }

        if (logitsRows < 0 || logitsRows > ids.Length)
        {
            throw new ArgumentException(
                $"Logits of {logitsRows} tokens are wanted from a chunk of {ids.Length}; ask for 0 to {ids.Length}.", nameof(logitsRows));
        }

        foreach (Chunk chunk in _chunks)
        {
            if (chunk.Cache == cache)
            {
                throw new ArgumentException("The sequence is already in this step; its tokens must form one chunk.", nameof(cache));
            }
        }

        int first = Rows;
        if (_ids.Length < first + ids.Length)
        {
            Array.Resize(ref _ids, Math.Max(first + ids.Length, 2 * _ids.Length));
        }

        ids.CopyTo(_ids.AsSpan(first));
        _chunks.Add(new Chunk(cache, first, ids.Length, logitsRows, embeddings ?? s_noRows, adapters));
        Rows += ids.Length;
        LogitsRows += logitsRows;
    }

    /// <summary>One sequence's rows.</summary>
    public readonly record struct Chunk(KvCache Cache, int FirstRow, int Rows, int LogitsRows, List<EmbeddingRows> Embeddings, AdapterSet? Adapters);
}

/// <summary>Input embeddings that stand in for the table's rows at consecutive tokens of a chunk.</summary>
/// <param name="First">Index of the first token in its chunk.</param>
/// <param name="Values">Rows of the text model's width, <c>[n, C]</c>, inserted as they are.</param>
readonly record struct EmbeddingRows(int First, ReadOnlyMemory<float> Values);
