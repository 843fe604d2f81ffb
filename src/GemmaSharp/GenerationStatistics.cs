namespace GemmaSharp;

/// <summary>What an answer cost.</summary>
public sealed record GenerationStatistics
{
    /// <summary>Tokens of the prompt, placeholders expanded.</summary>
    public int PromptTokens { get; init; }

    /// <summary>Of these, tokens whose keys and values were still cached: from the turn before, or from another prompt that begins alike.</summary>
    public int ReusedTokens { get; init; }

    /// <summary>Tokens drawn and read, the one that ended the answer included.</summary>
    public int AnswerTokens { get; init; }

    /// <summary>Of the prompt's tokens, those that stand for pictures.</summary>
    public int ImageTokens { get; init; }

    /// <summary>Of the prompt's tokens, those that stand for sound.</summary>
    public int AudioTokens { get; init; }

    /// <summary>Of the answer's tokens, those that were not drawn, since the constraint allowed nothing else.</summary>
    public int ForcedTokens { get; init; }

    /// <summary>Tokens that were guessed and checked beside others in a step: see <see cref="GenerationOptions.Speculation"/>.</summary>
    public int DraftedTokens { get; init; }

    /// <summary>Of these, those that the answer then had.</summary>
    public int AcceptedTokens { get; init; }

    /// <summary>How long the request waited for others before it was begun.</summary>
    public TimeSpan QueueTime { get; init; }

    /// <summary>From the request to the first token: what is left of the prompt goes through the model in this time.</summary>
    public TimeSpan TimeToFirstToken { get; init; }

    /// <summary>From the first token to the last.</summary>
    public TimeSpan AnswerTime { get; init; }

    /// <summary>Prompt tokens per second, reused ones not counted; 0 when nothing was measured.</summary>
    public double PromptTokensPerSecond => Rate(PromptTokens - ReusedTokens, TimeToFirstToken);

    /// <summary>Answer tokens per second after the first; 0 when nothing was measured.</summary>
    public double AnswerTokensPerSecond => Rate(AnswerTokens - 1, AnswerTime);

    static double Rate(int tokens, TimeSpan time) => tokens > 0 && time > TimeSpan.Zero ? tokens / time.TotalSeconds : 0;
}
