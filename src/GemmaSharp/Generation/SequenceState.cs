using GemmaSharp.Model.Text;

namespace GemmaSharp.Generation;

/// <summary>A conversation's cache together with the tokens that are in it, so that the next prompt can reuse their common beginning.</summary>
/// <remarks>Used by one answer at a time, on the engine's thread.</remarks>
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

        CutTo(Cache.CanRewind(common) ? common : 0);
        return Length;
    }

    /// <summary>Notes tokens of a prompt whose keys and values are now in the cache: those that follow the ones noted.</summary>
    public void Append(EncodedPrompt prompt, int count)
    {
        _tokens.EnsureCapacity(Length + count);
        for (int end = Length + count; Length < end;)
        {
            _tokens.Add((prompt.Ids[Length], prompt.ContentHash(Length)));
        }
    }

    /// <summary>Notes tokens of an answer whose keys and values are now in the cache.</summary>
    public void Append(ReadOnlySpan<int> ids)
    {
        _tokens.EnsureCapacity(Length + ids.Length);
        foreach (int id in ids)
        {
            _tokens.Add((id, 0));
        }
    }

    /// <summary>Takes back what a step that failed may have left behind it: cache and notes are again as they were at this length.</summary>
    /// <remarks>
    /// One step can always be taken back, since the rings have room for it. Should it not be so, everything is forgotten, and the next prompt computes it
    /// again.
    /// </remarks>
    public void CutTo(int length)
    {
        length = length <= _tokens.Count && Cache.CanRewind(length) ? length : 0;
        _tokens.RemoveRange(length, _tokens.Count - length);
        Cache.Rewind(length);
    }

    /// <summary>Frees the cache.</summary>
    public void Dispose() => Cache.Dispose();
}
