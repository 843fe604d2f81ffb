using System.Text.Json;
using System.Text.Json.Serialization;

namespace GemmaSharp.Server.OpenAI;

/// <summary>A whole answer of <c>/v1/chat/completions</c>.</summary>
sealed record ChatCompletion(
    string Id, string Object, long Created, string Model, string SystemFingerprint, IReadOnlyList<ChatChoice> Choices, Usage Usage, Timings Timings);

/// <summary>One of the answers to a conversation.</summary>
sealed record ChatChoice(int Index, AnswerMessage Message, ChoiceLogprobs? Logprobs, string FinishReason);

/// <summary>What the model said.</summary>
sealed record AnswerMessage(string Role, string? Content, string? Refusal)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<WireToolCall>? ToolCalls { get; init; }
}

/// <summary>A call of a function; in a stream with its place, and without what was said before.</summary>
sealed record WireToolCall(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Index,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Id,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Type,
    WireFunction Function);

/// <summary>Which function, with the arguments as JSON text.</summary>
sealed record WireFunction([property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Name, string Arguments);

/// <summary>A piece of a streamed answer. The usage is written, as null too, where the client asked for it.</summary>
sealed record ChatChunk(string Id, string Object, long Created, string Model, string SystemFingerprint, IReadOnlyList<ChunkChoice> Choices)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public OptionalUsage Usage { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Timings? Timings { get; init; }
}

/// <summary>A piece of one of the answers.</summary>
sealed record ChunkChoice(int Index, Delta Delta, ChoiceLogprobs? Logprobs, string? FinishReason);

/// <summary>What a piece adds.</summary>
sealed record Delta
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Role { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Content { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<WireToolCall>? ToolCalls { get; init; }
}

/// <summary>The probabilities of an answer's tokens.</summary>
sealed record ChoiceLogprobs(IReadOnlyList<WireLogprob> Content, IReadOnlyList<WireLogprob>? Refusal);

/// <summary>A token with the natural log of its probability, and those that were likely in its place.</summary>
sealed record WireLogprob(string Token, float Logprob, IReadOnlyList<int>? Bytes)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<WireLogprob>? TopLogprobs { get; init; }
}

/// <summary>What an answer cost, in tokens.</summary>
sealed record Usage(
    int PromptTokens, int CompletionTokens, int TotalTokens, PromptTokensDetails PromptTokensDetails, CompletionTokensDetails CompletionTokensDetails);

/// <summary>Of the prompt's tokens, which were found again and what they stand for.</summary>
sealed record PromptTokensDetails(int CachedTokens, int TextTokens, int ImageTokens, int AudioTokens);

/// <summary>Of the answer's tokens, those that OpenAI counts apart: here those that were guessed. Wrong guesses are no tokens of the answer.</summary>
sealed record CompletionTokensDetails(int ReasoningTokens, int AudioTokens, int AcceptedPredictionTokens, int RejectedPredictionTokens);

/// <summary>What an answer cost in time, as llama-server tells it.</summary>
sealed record Timings(
    int CacheN, int PromptN, double PromptMs, double PromptPerSecond, int PredictedN, double PredictedMs, double PredictedPerSecond)
{
    /// <summary>Tokens that were guessed; not written where there are none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int DraftN { get; init; }

    /// <summary>Of these, those that were right; written beside the others.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? DraftNAccepted { get; init; }

    public static Timings Of(GenerationStatistics statistics)
    {
        int prompt = statistics.PromptTokens - statistics.ReusedTokens;
        double promptMs = (statistics.TimeToFirstToken - statistics.QueueTime).TotalMilliseconds, answerMs = statistics.AnswerTime.TotalMilliseconds;
        return new Timings(
            statistics.ReusedTokens, prompt, promptMs, promptMs > 0 ? prompt / promptMs * 1000 : 0,
            statistics.AnswerTokens, answerMs, statistics.AnswerTokensPerSecond)
        {
            DraftN = statistics.DraftedTokens,
            DraftNAccepted = statistics.DraftedTokens > 0 ? statistics.AcceptedTokens : null,
        };
    }
}

/// <summary>A usage that may be none, or one that is still to come and is written as null.</summary>
[JsonConverter(typeof(OptionalUsageConverter))]
readonly record struct OptionalUsage(bool IsWritten, Usage? Value)
{
    public static OptionalUsage Later { get; } = new(true, null);
}

/// <summary>Writes a usage or null.</summary>
sealed class OptionalUsageConverter : JsonConverter<OptionalUsage>
{
    public override OptionalUsage Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => throw new NotSupportedException();

    public override void Write(Utf8JsonWriter writer, OptionalUsage value, JsonSerializerOptions options)
    {
        if (value.Value is null)
        {
            writer.WriteNullValue();
        }
        else
        {
            JsonSerializer.Serialize(writer, value.Value, OpenAIJson.Default.Usage);
        }
    }
}

/// <summary>How OpenAI's objects are written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, GenerationMode = JsonSourceGenerationMode.Default)]
[JsonSerializable(typeof(ChatCompletion))]
[JsonSerializable(typeof(ChatChunk))]
[JsonSerializable(typeof(Usage))]
[JsonSerializable(typeof(ModelList))]
[JsonSerializable(typeof(ModelEntry))]
[JsonSerializable(typeof(TokenCount))]
sealed partial class OpenAIJson : JsonSerializerContext;

/// <summary>The models that are served.</summary>
sealed record ModelList(string Object, IReadOnlyList<ModelEntry> Data);

/// <summary>A model, or a model with an adapter.</summary>
sealed record ModelEntry(
    string Id, string Object, long Created, string OwnedBy, int MaxModelLen, int ContextLength, ModelMeta Meta, ModelArchitecture Architecture);

/// <summary>What llama-server tells of a model.</summary>
sealed record ModelMeta(int NCtxTrain, long NParams, long Size, int NVocab, int NEmbd);

/// <summary>What a model takes and gives.</summary>
sealed record ModelArchitecture(IReadOnlyList<string> InputModalities, IReadOnlyList<string> OutputModalities);

/// <summary>How many tokens a conversation has.</summary>
sealed record TokenCount(string Object, int InputTokens);
