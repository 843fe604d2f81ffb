using GemmaSharp.Model.Text;

namespace GemmaSharp.Generation;

/// <summary>A sequence's cache together with the tokens that are in it, so that another prompt can reuse their common beginning.</summary>
/// <remarks>Used by one answer at a time, on the engine's thread.</remarks>
sealed class SequenceState(KvCache cache, AdapterSet adapters) : IDisposable
{
    /// <summary>Keys and values.</summary>
    public KvCache Cache { get; } = cache;

    /// <summary>What is added to the linear layers for this sequence: the same from first to last, since keys and values depend on it.</summary>
    public AdapterSet Adapters { get; } = adapters;

    /// <summary>The tokens in the cache.</summary>
    public CachedTokens Tokens { get; } = new();

    /// <summary>How many.</summary>
    public int Length => Tokens.Length;

    /// <summary>How many of a prompt's tokens this can be cut back to or copied up to, the prompt's last excepted since its logits are needed.</summary>
    /// <param name="prompt">The prompt.</param>
    /// <param name="common">How many they have in common, whether they can be reused or not.</param>
    public int Reusable(CachedTokens prompt, out int common)
    {
        common = Math.Min(Tokens.CommonPrefix(prompt), prompt.Length - 1);
        return Cache.CanRewind(common) ? common : 0;
    }

    /// <summary>Notes tokens of a prompt whose keys and values are now in the cache: those that follow the ones noted.</summary>
    public void Append(EncodedPrompt prompt, int count) => Tokens.Append(prompt, count);

    /// <summary>Notes tokens of an answer whose keys and values are now in the cache.</summary>
    public void Append(ReadOnlySpan<int> ids) => Tokens.Append(ids);

    /// <summary>Takes back what a step that failed may have left behind it: cache and notes are again as they were at this length.</summary>
    /// <remarks>
    /// One step can always be taken back, since the rings have room for it. Should it not be so, everything is forgotten, and the next prompt computes it
    /// again.
    /// </remarks>
    public void CutTo(int length)
    {
        length = length <= Length && Cache.CanRewind(length) ? length : 0;
        Tokens.Cut(length);
        Cache.Rewind(length);
    }

    /// <summary>Becomes the beginning of another sequence.</summary>
    /// <param name="source">A sequence with the same adapters whose cache can be rewound to the length; it stays as it is.</param>
    /// <param name="length">Tokens to take over.</param>
    /// <param name="share">Whether the two may share memory from now on.</param>
    /// <exception cref="OutOfMemoryException">There is no room; this is then empty.</exception>
    public void TakeOver(SequenceState source, int length, bool share)
    {
        CutTo(0);
        Tokens.EnsureCapacity(length);
        Cache.TakeOver(source.Cache, length, share);
        Tokens.TakeOver(source.Tokens, length);
    }

    /// <summary>Frees the cache.</summary>
    public void Dispose() => Cache.Dispose();
}
