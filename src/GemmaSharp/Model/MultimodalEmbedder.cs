using GemmaSharp.Layers;
using GemmaSharp.Numerics;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Model;

/// <summary>Brings a tower's features, or a token of its own small vocabulary, to the text model's width.</summary>
/// <remarks>
/// Soft: <c>Post(W · RMSNorm(f; soft_embedding_norm))</c>; hard: <c>Post(W · RMSNorm(embedding[id − offset]; hard_embedding_norm))</c>; <c>Post</c> is an RMSNorm without weight.
/// Both are inserted into the prompt as they are, without <c>√C</c>. Source: <c>Gemma3nMultimodalEmbedder</c> of transformers. Immutable, thread-safe.
/// </remarks>
sealed class MultimodalEmbedder
{
    readonly LinearModules _linears;
    readonly int _width;
    readonly int _textWidth;
    readonly float _eps;
    readonly WeightMatrix _embedding;
    readonly Linear _embeddingProjection;
    readonly float[] _hardEmbeddingNorm;
    readonly float[] _softEmbeddingNorm;

    internal MultimodalEmbedder(ParameterScope scope, int width, int textWidth, int vocabSize, int vocabOffset, float eps)
    {
        _linears = scope.Linears;
        _width = width;
        _textWidth = textWidth;
        _eps = eps;
        VocabSize = vocabSize;
        VocabOffset = vocabOffset;
        _embedding = scope.Embedding("embedding", vocabSize, width);
        _hardEmbeddingNorm = scope.Vector("hard_embedding_norm.weight", width);
        _softEmbeddingNorm = scope.Vector("soft_embedding_norm.weight", width);
        _embeddingProjection = scope.Linear("embedding_projection", width, textWidth);
    }

    /// <summary>First token id of this modality's vocabulary.</summary>
    public int VocabOffset { get; }

    /// <summary>Size of this modality's vocabulary.</summary>
    public int VocabSize { get; }

    /// <summary>Whether the id belongs to this modality's vocabulary.</summary>
    public bool Owns(int id) => id >= VocabOffset && id < VocabOffset + VocabSize;

    /// <summary>Embeds tokens of the modality's vocabulary.</summary>
    /// <param name="ids">Token ids, each owned by this modality.</param>
    /// <param name="destination">Receives <c>[n, C]</c>.</param>
    /// <param name="team">Threads to use.</param>
    /// <param name="adapters">What is added to the projection; null for nothing.</param>
    /// <exception cref="ArgumentOutOfRangeException">An id is not of this modality.</exception>
    /// <exception cref="ArgumentException">The adapters are another model's.</exception>
    public void Hard(ReadOnlySpan<int> ids, Span<float> destination, WorkerTeam team, AdapterSet? adapters = null)
    {
        float[] rows = new float[ids.Length * _width];
        for (int i = 0; i < ids.Length; i++)
        {
            if (!Owns(ids[i]))
            {
                throw new ArgumentOutOfRangeException(nameof(ids), ids[i], $"Token {ids[i]} is not in this modality's range {VocabOffset} to {VocabOffset + VocabSize - 1}.");
            }

            _embedding.ReadRow(ids[i] - VocabOffset, rows.AsSpan(i * _width, _width));
        }

        Project(rows, _hardEmbeddingNorm, ids.Length, destination, team, adapters);
    }

    /// <summary>Embeds a tower's features.</summary>
    /// <param name="features"><c>[n, M]</c>.</param>
    /// <param name="count">Number of rows, n.</param>
    /// <param name="destination">Receives <c>[n, C]</c>.</param>
    /// <param name="team">Threads to use.</param>
    /// <param name="adapters">What is added to the projection; null for nothing.</param>
    /// <exception cref="ArgumentException">The adapters are another model's.</exception>
    public void Soft(ReadOnlySpan<float> features, int count, Span<float> destination, WorkerTeam team, AdapterSet? adapters = null) =>
        Project(features, _softEmbeddingNorm, count, destination, team, adapters);

    void Project(ReadOnlySpan<float> features, float[] norm, int count, Span<float> destination, WorkerTeam team, AdapterSet? adapters)
    {
        adapters?.RequireBase(_linears);
        using var rows = AdapterRows.All(adapters);
        float[] normed = new float[count * _width];
        RmsNorm.Rows(features[..normed.Length], norm, _eps, normed, team);
        _embeddingProjection.Forward(normed, count, destination, team, rows);
        for (int i = 0; i < count; i++)
        {
            Span<float> row = destination.Slice(i * _textWidth, _textWidth);
            RmsNorm.Apply(row, [], _eps, row);
        }
    }
}
