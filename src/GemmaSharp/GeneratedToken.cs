namespace GemmaSharp;

/// <summary>One token of an answer, as it is streamed.</summary>
/// <param name="Id">The token.</param>
/// <param name="Text">The text it completes: empty while a character or a possible stop text is still open, and for the token that ends the answer.</param>
/// <param name="StopReason">Why the answer ends here; null for every token but the last.</param>
/// <param name="Logprob">Natural log of the token's probability under the model (before temperature and cuts), where asked for.</param>
/// <param name="TopLogprobs">The most likely tokens, best first, where asked for.</param>
public readonly record struct GeneratedToken(int Id, string Text, StopReason? StopReason, float? Logprob, IReadOnlyList<TokenLogprob>? TopLogprobs)
{
    /// <summary>Whether it was not drawn, since the constraint allowed nothing else.</summary>
    public bool IsForced { get; init; }

    /// <summary>The calls that the answer consists of, on its last token; null where it has none.</summary>
    public IReadOnlyList<ToolCall>? ToolCalls { get; init; }

    /// <summary>The stop text that ended the answer, on its last token; null where none did.</summary>
    public string? StopText { get; init; }
}

/// <summary>A token and the natural log of its probability.</summary>
public readonly record struct TokenLogprob(int Id, float Logprob);

/// <summary>Why an answer ended.</summary>
public enum StopReason
{
    /// <summary>The model chose an end-of-sequence token.</summary>
    EndOfTurn,

    /// <summary>A stop text appeared.</summary>
    StopText,

    /// <summary>The limit on tokens was reached.</summary>
    MaxTokens,

    /// <summary>The context is full.</summary>
    ContextFull,

    /// <summary>The answer calls tools.</summary>
    ToolCalls,

    /// <summary>Under a constraint the same token came 64 times in a row, so the answer would not have ended by itself.</summary>
    Repetition,
}
