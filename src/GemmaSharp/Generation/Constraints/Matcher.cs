namespace GemmaSharp.Generation.Constraints;

/// <summary>Where an answer is in its grammar: which bytes and tokens can follow. One per answer, not thread-safe.</summary>
sealed class Matcher
{
    /// <summary>At the beginning of a grammar.</summary>
    public Matcher(Grammar grammar, TokenTrie trie) => throw new NotImplementedException();

    /// <summary>Whether the text may end here.</summary>
    public bool CanEnd => throw new NotImplementedException();

    /// <summary>Whether the text can only end here: no byte can follow.</summary>
    public bool MustEnd => throw new NotImplementedException();

    /// <summary>Whether a token can follow; the state does not change. Control tokens and tokens without bytes never can: their end is <see cref="CanEnd"/>.</summary>
    public bool Accepts(int id) => throw new NotImplementedException();

    /// <summary>Goes on by a token.</summary>
    /// <returns>False when it cannot follow; the state is then as before.</returns>
    public bool TryAdvance(int id) => throw new NotImplementedException();

    /// <summary>Goes on by bytes, which need not be whole tokens.</summary>
    /// <returns>False when they cannot follow; the state is then as before.</returns>
    public bool TryAdvance(ReadOnlySpan<byte> bytes) => throw new NotImplementedException();

    /// <summary>All tokens that can follow.</summary>
    /// <param name="mask">Cleared and filled.</param>
    /// <exception cref="ConstraintException">The grammar needs more states than are allowed.</exception>
    public void ComputeMask(TokenMask mask) => throw new NotImplementedException();

    /// <summary>
    /// Tokens that must follow: of the bytes that can be continued in one way only, those tokens whose boundaries no longer token could cross. The state does
    /// not change.
    /// </summary>
    /// <param name="encode">Text to canonical ids.</param>
    /// <param name="ids">Receives them; not cleared.</param>
    public void ForcedTokens(Func<string, int[]> encode, List<int> ids) => throw new NotImplementedException();

    /// <summary>An independent copy of the state.</summary>
    public Matcher Clone() => throw new NotImplementedException();
}
