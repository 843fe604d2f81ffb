using System.Globalization;
using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Model.Text;

namespace GemmaSharp;

/// <summary>A prompt ready for the model: token ids, and the rows that stand in for the table's at the places of pictures and clips.</summary>
/// <remarks>
/// What <see cref="GemmaModel.Encode"/> returns belongs to that model and is refused by every other. Immutable, thread-safe; the values of soft tokens are
/// not copied and must stay as they are.
/// </remarks>
public sealed class EncodedPrompt
{
    readonly int[] _ids;
    readonly SoftTokens[] _soft;

    /// <summary>The layers of the model that encoded it; null for a prompt made by hand, which every model checks by its numbers alone.</summary>
    readonly LinearModules? _model;

    /// <summary>Makes a prompt by hand.</summary>
    /// <param name="ids">Token ids with every placeholder expanded; copied. The model that answers refuses those outside its vocabulary.</param>
    /// <param name="soft">Soft tokens in order of their first position, not overlapping; the list is copied. Null for none.</param>
    /// <param name="adapters">The adapters its pictures and clips were encoded with; null for none.</param>
    /// <exception cref="ArgumentException">The soft tokens overlap, are out of order or lie outside the prompt.</exception>
    public EncodedPrompt(ReadOnlySpan<int> ids, IReadOnlyList<SoftTokens>? soft = null, AdapterSet? adapters = null)
        : this(ids.ToArray(), soft is null ? [] : [.. soft], adapters ?? AdapterSet.None, null)
    {
    }

    /// <summary>Makes a prompt of a model's own; the arrays are not copied.</summary>
    internal EncodedPrompt(int[] ids, SoftTokens[] soft, AdapterSet adapters, LinearModules? model)
    {
        _ids = ids;
        _soft = soft;
        _model = model;
        Soft = Array.AsReadOnly(soft);
        Adapters = adapters;
        int end = 0;
        foreach (SoftTokens tokens in soft)
        {
            if (tokens.Start < end || tokens.Count < 1 || tokens.Start > ids.Length - tokens.Count || tokens.Values.Length % tokens.Count != 0)
            {
                throw new ArgumentException(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"Soft tokens {tokens.Start} to {(long)tokens.Start + tokens.Count} must follow position {end} and lie inside the prompt of "
                            + $"{ids.Length}."),
                    nameof(soft));
            }

            end = tokens.Start + tokens.Count;
        }
    }

    /// <summary>Token ids, placeholders included.</summary>
    public ReadOnlySpan<int> Ids => _ids;

    /// <summary>Soft tokens in order of their first position.</summary>
    public IReadOnlyList<SoftTokens> Soft { get; }

    /// <summary>The adapters its pictures and clips were encoded with.</summary>
    public AdapterSet Adapters { get; }

    /// <summary>Refuses a prompt that a model cannot take, so that it never meets others in a step.</summary>
    /// <param name="model">The linear layers of the model.</param>
    /// <param name="config">Its text model.</param>
    /// <exception cref="ArgumentException">It was encoded by another model, has ids outside the vocabulary or rows of another width.</exception>
    internal void RequireModel(LinearModules model, TextConfig config)
    {
        if (_model is not null && _model != model)
        {
            throw new ArgumentException("The prompt was encoded by another model; encode it with the one that answers.");
        }

        foreach (int id in _ids)
        {
            if ((uint)id >= (uint)config.VocabSize)
            {
                throw new ArgumentException(string.Create(
                    CultureInfo.InvariantCulture, $"Token id {id} is outside the vocabulary of {config.VocabSize}; use ids from 0 to {config.VocabSize - 1}."));
            }
        }

        foreach (SoftTokens tokens in _soft)
        {
            int width = tokens.Values.Length / tokens.Count;
            if (width != config.HiddenSize)
            {
                throw new ArgumentException(string.Create(
                        CultureInfo.InvariantCulture,
                        $"The soft tokens at {tokens.Start} have {width} values each and the model's width is {config.HiddenSize}; encode the prompt with this "
                        + $"model."));
            }
        }
    }

    /// <summary>The embedding rows that fall into a chunk of the prompt; null when there are none.</summary>
    internal List<EmbeddingRows>? Rows(int first, int count)
    {
        List<EmbeddingRows>? rows = null;
        foreach (SoftTokens tokens in _soft)
        {
            int start = Math.Max(tokens.Start, first), end = Math.Min(tokens.Start + tokens.Count, first + count);
            if (start < end)
            {
                int width = tokens.Values.Length / tokens.Count;
                (rows ??= []).Add(new EmbeddingRows(start - first, tokens.Values.Slice((start - tokens.Start) * width, (end - start) * width)));
            }
        }

        return rows;
    }
}

/// <summary>Consecutive input embeddings of a picture, a clip or a hard multimodal token.</summary>
/// <param name="Start">First position in the prompt.</param>
/// <param name="Count">Number of positions.</param>
/// <param name="Values"><c>[Count, C]</c>, inserted as they are.</param>
/// <param name="ContentHash">Equal for equal content: decides whether a cached prefix can be reused. 0 for hard tokens, whose id says all.</param>
public readonly record struct SoftTokens(int Start, int Count, ReadOnlyMemory<float> Values, UInt128 ContentHash);
