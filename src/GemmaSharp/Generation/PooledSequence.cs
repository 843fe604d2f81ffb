namespace GemmaSharp.Generation;

/// <summary>A sequence out of the pool, for one answer: from the memory it may need to the prefix that it leaves behind.</summary>
/// <remarks>Belongs to the engine's thread.</remarks>
sealed class PooledSequence(PrefixPool pool, string? tenant, AdapterSet adapters) : SequencePlace(adapters)
{
    readonly SortedSet<int> _points = [];
    SequenceState? _sequence;
    PlannedPrompt? _outline;
    int _seen;

    public override SequenceState? Sequence => _sequence;

    /// <summary>Whose it is: what it begins with comes from there, and what it leaves goes there.</summary>
    public PrefixKey Key { get; } = new(tenant, adapters);

    /// <summary>Which request it is, counted from the first of all.</summary>
    public long Request { get; set; }

    /// <summary>The most tokens it will have.</summary>
    public int End { get; set; }

    /// <summary>Bytes it was let in for, until it has a sequence.</summary>
    public long Needed { get; set; }

    /// <summary>The kept prefix it begins with, which stays until it ends.</summary>
    public KeptPrefix? Origin { get; set; }

    /// <summary>The prompt; null before <see cref="Begin"/>.</summary>
    public CachedTokens? Tokens { get; private set; }

    /// <summary>Whether its prompt is being computed.</summary>
    public bool IsComputingPrompt => _sequence is not null && Tokens is not null && _sequence.Length < Tokens.Length;

    public override bool TryEnter(PromptSource prompt, int end, bool othersEnd)
    {
        _outline = prompt.Outline;
        End = end;
        return pool.TryEnter(this, CachedTokens.Of(prompt.PlainIds), othersEnd);
    }

    public override IEnumerable<Feed> Begin(EncodedPrompt prompt)
    {
        Tokens = CachedTokens.Of(prompt);
        while (pool.FindRunning(this) is (PooledSequence other, int shared))
        {
            other._points.Add(shared);
            yield return Feed.Until(() => other._sequence is null || other._sequence.Length >= shared);
        }

        _sequence = pool.Begin(this, out int parting);
        _seen = _sequence.Length;
        AddPoints(parting);
    }

    public override void Advanced()
    {
        int length = _sequence!.Length, taken = _seen;
        foreach (int point in _points)
        {
            if (point > taken && point <= length)
            {
                pool.Snapshot(this, point, isSystem: point == _outline?.SystemEnd);
                taken = point;
            }
        }

        _seen = length;
    }

    public override long Growth(int rows) => _sequence!.Cache.Growth(rows);

    public override void Leave()
    {
        SequenceState? sequence = _sequence;
        _sequence = null;
        pool.Leave(this, sequence);
    }

    /// <summary>Where snapshots are worth their bytes.</summary>
    /// <param name="parting">Where this prompt parts from the one it has most in common with.</param>
    void AddPoints(int parting)
    {
        int last = _sequence!.Length;
        int[] points = [_outline?.SystemEnd ?? 0, parting, .. _outline?.TurnEnds ?? [], Tokens!.Length - 1];
        foreach (int point in points.Order())
        {
            // Those too near to the one before, or to what it began with, save next to nothing.
            if (point < Tokens.Length && PrefixPool.IsWorth(point - last, Tokens.Length))
            {
                _points.Add(point);
                last = point;
            }
        }
    }
}

/// <summary>Among whom prefixes are shared.</summary>
/// <param name="Tenant">Whose they are; null for nobody in particular.</param>
/// <param name="Adapters">What they were computed with.</param>
readonly record struct PrefixKey(string? Tenant, AdapterSet Adapters);
