using GemmaSharp.Model.Text;

namespace GemmaSharp.Generation;

/// <summary>A conversation's cache together with the tokens that are in it, so that the next prompt can reuse their common beginning.</summary>
/// <remarks>Used by one job at a time.</remarks>
sealed class SequenceState(KvCache cache, AdapterSet adapters) : IDisposable
{
    readonly List<(int Id, UInt128 ContentHash)> _tokens = [];

    /// <summary>Keys and values.</summary>
    public KvCache Cache { get; } = cache;

    /// <summary>What is added to the linear layers for this conversation: the same from first to last, since keys and values depend on it.</summary>
    public AdapterSet Adapters { get; } = adapters;

    /// <summary>Tokens in the cache.</summary>
    public int Length => _tokens.Count;

    /// <summary>Cuts the cache back to the longest beginning it shares with the prompt, the prompt's last token excepted since its logits are needed.</summary>
    /// <returns>Prompt tokens that need not be fed again.</returns>
    public int KeepCommonPrefix(EncodedPrompt prompt)
    {
        int common = 0;
        while (common < Math.Min(_tokens.Count, prompt.Ids.Length - 1) && _tokens[common] == (prompt.Ids[common], prompt.ContentHash(common)))
        {
            common++;
        }

        if (!Cache.CanRewind(common))
        {
            common = 0;
        }

        Cache.Rewind(common);
        _tokens.RemoveRange(common, _tokens.Count - common);
        return common;
    }

    /// <summary>Notes a token whose keys and values are now in the cache.</summary>
    public void Append(int id, UInt128 contentHash) => _tokens.Add((id, contentHash));

    /// <summary>Frees the cache.</summary>
    public void Dispose() => Cache.Dispose();
}
