namespace GemmaSharp.Generation.Drafts;

/// <summary>Drafts the next tokens of an answer, as many as are worth the rows they take in a step.</summary>
/// <remarks>
/// What it drafts changes when a token is computed and never which: the answer draws every token from the same logits with the same random number as without a
/// draft, and takes those rows of a draft whose tokens it has drawn. One for each answer; not thread-safe.
/// </remarks>
/// <param name="prompt">The prompt's ids.</param>
/// <param name="length">How many tokens a draft has; null for as many as pay.</param>
sealed class Drafter(ReadOnlySpan<int> prompt, int? length)
{
    readonly PromptLookup _lookup = new(prompt);
    readonly Acceptance _acceptance = new();

    /// <summary>Takes note of the next token of the answer.</summary>
    public void Add(int id)
    {
        if (_lookup.Guess >= 0)
        {
            _acceptance.Add(_lookup.Matched, _lookup.Guess == id);
        }

        _lookup.Add(id);
    }

    /// <summary>Drafts what comes next.</summary>
    /// <param name="destination">Receives the tokens; a draft is never longer.</param>
    /// <param name="cost">As of <see cref="Acceptance.BestLength"/>.</param>
    /// <returns>How many there are.</returns>
    public int Draft(Span<int> destination, Func<int, double> cost)
    {
        if (_lookup.Guess < 0)
        {
            return 0;
        }

        int count = length is int wanted ? Math.Min(wanted, destination.Length) : _acceptance.BestLength(_lookup.Matched, cost, destination.Length);
        return _lookup.Draft(destination[..count]);
    }
}
