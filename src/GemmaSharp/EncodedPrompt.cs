using GemmaSharp.Model.Text;

namespace GemmaSharp;

/// <summary>A prompt ready for the model: token ids, and the rows that stand in for the table's at the places of pictures and clips.</summary>
/// <remarks>Immutable, thread-safe.</remarks>
public sealed class EncodedPrompt
{
    /// <summary>Makes a prompt.</summary>
    /// <param name="ids">Token ids with every placeholder expanded.</param>
    /// <param name="soft">Soft tokens in order of their first position, not overlapping.</param>
    /// <param name="adapters">The adapters its pictures and clips were encoded with; null for none.</param>
    /// <exception cref="ArgumentException">The soft tokens overlap, are out of order or lie outside the prompt.</exception>
    public EncodedPrompt(int[] ids, IReadOnlyList<SoftTokens>? soft = null, AdapterSet? adapters = null)
    {
        ArgumentNullException.ThrowIfNull(ids);
        Adapters = adapters ?? AdapterSet.None;
        Ids = ids;
        Soft = soft ?? [];
        int end = 0;
        foreach (SoftTokens tokens in Soft)
        {
            if (tokens.Start < end || tokens.Count < 1 || tokens.Start + tokens.Count > ids.Length || tokens.Values.Length % tokens.Count != 0)
            {
                throw new ArgumentException($"Soft tokens {tokens.Start} to {tokens.Start + tokens.Count} must follow position {end} and lie inside the prompt of {ids.Length}.", nameof(soft));
            }

            end = tokens.Start + tokens.Count;
        }
    }

    /// <summary>Token ids, placeholders included.</summary>
    public int[] Ids { get; }

    /// <summary>Soft tokens in order of their first position.</summary>
    public IReadOnlyList<SoftTokens> Soft { get; }

    /// <summary>The adapters its pictures and clips were encoded with.</summary>
    public AdapterSet Adapters { get; }

    /// <summary>Hash of the content a position belongs to; 0 for ordinary tokens.</summary>
    internal UInt128 ContentHash(int position)
    {
        foreach (SoftTokens tokens in Soft)
        {
            if (position < tokens.Start + tokens.Count)
            {
                return position >= tokens.Start ? tokens.ContentHash : 0;
            }
        }

        return 0;
    }

    /// <summary>The embedding rows that fall into a chunk of the prompt; null when there are none.</summary>
    internal List<EmbeddingRows>? Rows(int first, int count)
    {
        List<EmbeddingRows>? rows = null;
        foreach (SoftTokens tokens in Soft)
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
