namespace GemmaSharp.Generation;

/// <summary>Where an answer gets its sequence from and leaves it: a session that owns one, or the pool.</summary>
/// <remarks>Members belong to the engine's thread.</remarks>
abstract class SequencePlace(AdapterSet adapters)
{
    /// <summary>What is added to the linear layers.</summary>
    public AdapterSet Adapters { get; } = adapters;

    /// <summary>The sequence; null before <see cref="Begin"/> has run to its end, and after <see cref="Leave"/> unless a session owns it.</summary>
    public abstract SequenceState? Sequence { get; }

    /// <summary>Asks for the memory that the answer may need.</summary>
    /// <param name="prompt">What is answered; its ids are there.</param>
    /// <param name="end">The most tokens that the sequence will have.</param>
    /// <param name="othersEnd">Whether others will end, so that it is better to wait for them than to give up what may be used again.</param>
    /// <returns>False when the answer has to wait for others to end.</returns>
    /// <exception cref="GenerationException">It needs more than there ever will be.</exception>
    public abstract bool TryEnter(PromptSource prompt, int end, bool othersEnd);

    /// <summary>Finds the sequence that has most in common with the prompt, and waits for one that is just being computed.</summary>
    public abstract IEnumerable<Feed> Begin(EncodedPrompt prompt);

    /// <summary>Called when a step has computed more of the prompt.</summary>
    public abstract void Advanced();

    /// <summary>Bytes of the pool's that a step's rows will take.</summary>
    public abstract long Growth(int rows);

    /// <summary>Gives everything back. Only the first call after <see cref="TryEnter"/> counts.</summary>
    public abstract void Leave();
}

/// <summary>A session's own sequence, which may begin with what the pool has.</summary>
sealed class OwnSequence(SequenceState sequence, PrefixPool pool) : SequencePlace(sequence.Adapters)
{
    public override SequenceState Sequence => sequence;

    // A session's cache is its owner's, who disposes of it: it is not counted.
    public override bool TryEnter(PromptSource prompt, int end, bool othersEnd) => true;

    public override IEnumerable<Feed> Begin(EncodedPrompt prompt)
    {
        CachedTokens tokens = CachedTokens.Of(prompt);
        int own = sequence.Reusable(tokens, out _);
        (SequenceState? other, int length) = pool.Find(tenant: null, sequence.Adapters, tokens);
        if (other is not null && PrefixPool.IsWorth(length - own, tokens.Length))
        {
            sequence.TakeOver(other, length, share: false);
        }
        else
        {
            sequence.CutTo(own);
        }

        yield break;
    }

    public override void Advanced()
    {
    }

    public override long Growth(int rows) => 0;

    public override void Leave()
    {
    }
}
