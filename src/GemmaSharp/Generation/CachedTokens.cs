using System.Runtime.InteropServices;

namespace GemmaSharp.Generation;

/// <summary>The tokens whose keys and values are in a cache, or will be: ids, and which of them stand for which picture or clip.</summary>
/// <remarks>Not thread-safe.</remarks>
sealed class CachedTokens
{
    readonly List<int> _ids = [];
    readonly List<ContentRun> _content = [];

    /// <summary>The ids.</summary>
    public ReadOnlySpan<int> Ids => CollectionsMarshal.AsSpan(_ids);

    /// <summary>How many.</summary>
    public int Length => _ids.Count;

    /// <summary>The tokens of a whole prompt.</summary>
    public static CachedTokens Of(EncodedPrompt prompt)
    {
        var tokens = new CachedTokens();
        tokens.Append(prompt, prompt.Ids.Length);
        return tokens;
    }

    /// <summary>Ordinary tokens.</summary>
    public static CachedTokens Of(ReadOnlySpan<int> ids)
    {
        var tokens = new CachedTokens();
        tokens._ids.AddRange(ids);
        return tokens;
    }

    /// <summary>Adds tokens of a prompt: those that follow the ones that are here.</summary>
    public void Append(EncodedPrompt prompt, int count)
    {
        int start = Length, end = start + count;
        _ids.AddRange(prompt.Ids[start..end]);
        foreach (SoftTokens soft in prompt.Soft)
        {
            // Without a hash it is a token of its own whose id says all.
            int last = Math.Min(soft.Start + soft.Count, end);
            if (soft.ContentHash == 0 || soft.Start >= end || last <= start)
            {
                continue;
            }

            if (soft.Start < start)
            {
                _content[^1] = _content[^1] with { End = last };
            }
            else
            {
                _content.Add(new ContentRun(soft.Start, last, soft.ContentHash));
            }
        }
    }

    /// <summary>Adds tokens of an answer.</summary>
    public void Append(ReadOnlySpan<int> ids) => _ids.AddRange(ids);

    /// <summary>Forgets the tokens from a position on.</summary>
    public void Cut(int length)
    {
        _ids.RemoveRange(length, Length - length);
        _content.RemoveAll(run => run.Start >= length);
        if (_content.Count > 0 && _content[^1].End > length)
        {
            _content[^1] = _content[^1] with { End = length };
        }
    }

    /// <summary>Makes room, so that adding this many tokens takes no memory.</summary>
    public void EnsureCapacity(int length) => _ids.EnsureCapacity(length);

    /// <summary>Becomes the beginning of other tokens.</summary>
    public void TakeOver(CachedTokens source, int length)
    {
        Cut(0);
        _ids.AddRange(source.Ids[..length]);
        _content.AddRange(source._content);
        Cut(length);
    }

    /// <summary>How many tokens two have in common from the first on, pictures and clips by their content.</summary>
    public int CommonPrefix(CachedTokens other)
    {
        int common = Ids.CommonPrefixLength(other.Ids);
        for (int i = 0; ; i++)
        {
            ContentRun? mine = i < _content.Count ? _content[i] : null, theirs = i < other._content.Count ? other._content[i] : null;
            int next = Math.Min(mine?.Start ?? common, theirs?.Start ?? common);
            if (next >= common)
            {
                return common;
            }

            if (mine?.Start != theirs?.Start || mine?.Hash != theirs?.Hash)
            {
                return next;
            }

            if (mine!.Value.End != theirs!.Value.End)
            {
                return Math.Min(common, Math.Min(mine.Value.End, theirs.Value.End));
            }
        }
    }

    /// <summary>Consecutive tokens of one picture or clip.</summary>
    /// <param name="Start">The first.</param>
    /// <param name="End">One past the last that is here.</param>
    /// <param name="Hash">Of the content.</param>
    readonly record struct ContentRun(int Start, int End, UInt128 Hash);
}
