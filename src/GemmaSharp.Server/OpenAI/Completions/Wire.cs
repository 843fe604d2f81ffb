using System.Text.Json.Serialization;

namespace GemmaSharp.Server.OpenAI.Completions;

/// <summary>An answer of <c>/v1/completions</c>, or a piece of it in a stream.</summary>
sealed record TextCompletion(string Id, string Object, long Created, string Model, string SystemFingerprint, IReadOnlyList<TextChoice> Choices)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public OptionalUsage Usage { get; init; }
}

/// <summary>One of the continuations.</summary>
sealed record TextChoice(string Text, int Index, TextLogprobs? Logprobs, string? FinishReason);

/// <summary>The probabilities of a continuation's tokens, in four lists side by side.</summary>
sealed record TextLogprobs(
    IReadOnlyList<string> Tokens, IReadOnlyList<float> TokenLogprobs, IReadOnlyList<IReadOnlyDictionary<string, float>> TopLogprobs,
    IReadOnlyList<int> TextOffset);

/// <summary>How these are written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(TextCompletion))]
sealed partial class CompletionsJson : JsonSerializerContext;
