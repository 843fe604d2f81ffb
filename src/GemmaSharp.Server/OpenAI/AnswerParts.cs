using System.Security.Cryptography;

namespace GemmaSharp.Server.OpenAI;

/// <summary>Tokens, costs and reasons in OpenAI's words.</summary>
static class AnswerParts
{
    const string Base32 = "abcdefghijklmnopqrstuvwxyz234567";

    // What the servers write for minus infinity, which JSON has no number for.
    const float Least = -9999f;

    /// <summary>A new id.</summary>
    /// <param name="prefix">What it begins with, such as <c>chatcmpl-</c>.</param>
    /// <param name="length">Characters after that.</param>
    public static string NewId(string prefix, int length = 26) => prefix + RandomNumberGenerator.GetString(Base32, length);

    /// <summary>Seconds since 1970.</summary>
    public static long Now() => DateTimeOffset.UtcNow.ToUnixTimeSeconds();

    /// <summary>Which weights and which program answered.</summary>
    public static string SystemFingerprint(GemmaModel model) =>
        $"fp_{model.Summary.Fingerprint[..10]}_{typeof(GemmaModel).Assembly.GetName().Version?.ToString(3)}";

    /// <summary>Why an answer ended: clients throw on any other word.</summary>
    public static string FinishReason(StopReason reason) => reason switch
    {
        StopReason.MaxTokens or StopReason.ContextFull or StopReason.Repetition => "length",
        StopReason.ToolCalls => "tool_calls",
        _ => "stop",
    };

    /// <summary>What answers to one prompt cost.</summary>
    /// <param name="statistics">Of each answer.</param>
    public static Usage Usage(IReadOnlyList<GenerationStatistics> statistics)
    {
        GenerationStatistics prompt = statistics[0];
        int answers = statistics.Sum(each => each.AnswerTokens);
        return new Usage(
            prompt.PromptTokens, answers, prompt.PromptTokens + answers,
            new PromptTokensDetails(
                prompt.ReusedTokens, prompt.PromptTokens - prompt.ImageTokens - prompt.AudioTokens, prompt.ImageTokens, prompt.AudioTokens),
            new CompletionTokensDetails(0, 0, statistics.Sum(each => each.AcceptedTokens), 0));
    }

    /// <summary>A token's probability and those of others in its place; null where none was asked for, and for the token that only ends the answer.</summary>
    public static WireLogprob? Logprob(Tokenizer tokenizer, in GeneratedToken token) =>
        token.Logprob is not float logprob || token.StopReason is StopReason.EndOfTurn ? null
        : Logprob(tokenizer, token.Id, logprob) with
        {
            TopLogprobs = [.. (token.TopLogprobs ?? []).Select(other => Logprob(tokenizer, other.Id, other.Logprob))],
        };

    /// <summary>A finished call.</summary>
    public static WireToolCall ToolCall(ToolCall call) => new(null, call.Id, "function", new WireFunction(call.Name, call.Arguments));

    static WireLogprob Logprob(Tokenizer tokenizer, int id, float logprob)
    {
        (string text, byte[] bytes) = tokenizer.Spell(id);
        return new WireLogprob(text, float.IsFinite(logprob) ? logprob : Least, [.. bytes.Select(each => (int)each)]);
    }
}
