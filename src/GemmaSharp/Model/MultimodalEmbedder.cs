using GemmaSharp.Layers;

namespace GemmaSharp.Model;

/// <summary>Brings a tower's features, or a token of its own small vocabulary, to the text model's width.</summary>
/// <remarks>
/// Soft: <c>Post(W · RMSNorm(f; soft_embedding_norm))</c>; hard: <c>Post(W · RMSNorm(embedding[id − offset]; hard_embedding_norm))</c>; <c>Post</c> is an
/// RMSNorm without weight. Both are inserted into the prompt as they are, without <c>√C</c>. Source: <c>Gemma3nMultimodalEmbedder</c> of transformers.
/// Immutable, thread-safe.
/// </remarks>
sealed class MultimodalEmbedder(ParameterScope scope, int width, int textWidth, int vocabSize, int vocabOffset, float eps)
{
    readonly LinearModules _linears = scope.Linears;
    readonly Embedding _embedding = scope.Embedding("embedding", vocabSize, width);
    readonly RmsNorm _hardEmbeddingNorm = scope.RmsNorm("hard_embedding_norm", width, eps);
    readonly RmsNorm _softEmbeddingNorm = scope.RmsNorm("soft_embedding_norm", width, eps);
    readonly Linear _embeddingProjection = scope.Linear("embedding_projection", width, textWidth);
    readonly RmsNorm _embeddingPostProjectionNorm = new([], textWidth, eps);

    /// <summary>First token id of this modality's vocabulary.</summary>
    public int VocabOffset => vocabOffset;

    /// <summary>Size of this modality's vocabulary.</summary>
    public int VocabSize => vocabSize;

    /// <summary>Whether the id belongs to this modality's vocabulary.</summary>
    public bool Owns(int id) => id >= vocabOffset && id < vocabOffset + vocabSize;

    /// <summary>Embeds tokens of the modality's vocabulary.</summary>
    /// <param name="ids">Token ids, each owned by this modality.</param>
    /// <param name="p">The pass.</param>
    /// <returns><c>[n, C]</c></returns>
    /// <exception cref="ArgumentOutOfRangeException">An id is not of this modality.</exception>
    /// <exception cref="ArgumentException">The pass has adapters of another model.</exception>
    public Rows Hard(ReadOnlySpan<int> ids, Pass p)
    {
        Rows rows = p.New(ids.Length, width);
        for (int i = 0; i < ids.Length; i++)
        {
            if (!Owns(ids[i]))
            {
                throw new ArgumentOutOfRangeException(
                    nameof(ids), ids[i], $"Token {ids[i]} is not in this modality's range {vocabOffset} to {vocabOffset + vocabSize - 1}.");
            }

            _embedding.Read(ids[i] - vocabOffset, 1f, rows[i]);
        }

        return Project(_hardEmbeddingNorm.InPlace(rows, p), p);
    }

    /// <summary>Embeds a tower's features.</summary>
    /// <param name="features"><c>[n, M]</c></param>
    /// <param name="p">The pass.</param>
    /// <returns><c>[n, C]</c></returns>
    public Rows Soft(Rows features, Pass p) => Project(_softEmbeddingNorm.Forward(features, p), p);

    Rows Project(Rows normed, Pass p)
    {
        p.Adapters.RequireBase(_linears);
        return _embeddingPostProjectionNorm.InPlace(_embeddingProjection.Forward(normed, p), p);
    }
}
