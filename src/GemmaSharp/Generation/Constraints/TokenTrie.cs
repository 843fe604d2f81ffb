namespace GemmaSharp.Generation.Constraints;

/// <summary>The tokens of a vocabulary by their bytes: a flat trie in depth-first order, built once for a tokenizer and shared.</summary>
/// <remarks>Immutable, thread-safe.</remarks>
sealed class TokenTrie
{
    /// <summary>The trie of a tokenizer, built at first use.</summary>
    /// <param name="tokenizer">Whose tokens.</param>
    /// <param name="vocabulary">V: one more than the largest id with a logit.</param>
    public static TokenTrie For(Tokenizer tokenizer, int vocabulary) => throw new NotImplementedException();

    /// <summary>The bytes that a token adds to the text; empty for a control token and for ids without a piece.</summary>
    public ReadOnlySpan<byte> Bytes(int id) => throw new NotImplementedException();
}
