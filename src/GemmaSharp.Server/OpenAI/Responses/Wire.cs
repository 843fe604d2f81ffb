using System.Text.Json;
using System.Text.Json.Serialization;

namespace GemmaSharp.Server.OpenAI.Responses;

/// <summary>An answer of <c>/v1/responses</c>. All keys are written: clients look at them without asking whether they are there.</summary>
sealed record Response(string Id, string Object, long CreatedAt, string Status, string Model)
{
    public bool Background { get; init; }

    public long? CompletedAt { get; init; }

    public string? Conversation { get; init; }

    public ResponseError? Error { get; init; }

    public IncompleteDetails? IncompleteDetails { get; init; }

    public JsonElement? Instructions { get; init; }

    public int? MaxOutputTokens { get; init; }

    public int? MaxToolCalls { get; init; }

    public IReadOnlyList<OutputItem> Output { get; init; } = [];

    public bool ParallelToolCalls { get; init; }

    public string? PreviousResponseId { get; init; }

    /// <summary>A prompt that is kept by the server; there are none.</summary>
    public string? Prompt { get; init; }

    public string? PromptCacheKey { get; init; }

    public ReasoningSettings Reasoning { get; init; } = new(null, null);

    public string? SafetyIdentifier { get; init; }

    public string ServiceTier { get; init; } = "default";

    public bool Store { get; init; }

    public double Temperature { get; init; }

    public JsonElement Text { get; init; }

    public JsonElement ToolChoice { get; init; }

    public JsonElement Tools { get; init; }

    public int TopLogprobs { get; init; }

    public double TopP { get; init; }

    public string Truncation { get; init; } = "disabled";

    public ResponseUsage? Usage { get; init; }

    public string? User { get; init; }

    public JsonElement Metadata { get; init; }
}

/// <summary>What an answer failed with.</summary>
sealed record ResponseError(string Code, string Message);

/// <summary>Why an answer is no whole one.</summary>
sealed record IncompleteDetails(string Reason);

/// <summary>Settings of models that think; without effect here.</summary>
sealed record ReasoningSettings(string? Effort, string? Summary);

/// <summary>A part of an answer: a message, or a call of a function.</summary>
sealed record OutputItem(string Type, string Id, string Status)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Role { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<OutputText>? Content { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? CallId { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Name { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Arguments { get; init; }
}

/// <summary>What a message says.</summary>
sealed record OutputText(string Type, string Text, IReadOnlyList<JsonElement> Annotations, IReadOnlyList<WireLogprob> Logprobs);

/// <summary>What an answer cost.</summary>
sealed record ResponseUsage(
    int InputTokens, InputTokensDetails InputTokensDetails, int OutputTokens, OutputTokensDetails OutputTokensDetails, int TotalTokens);

/// <summary>Of the input's tokens, those found again.</summary>
sealed record InputTokensDetails(int CachedTokens);

/// <summary>Of the output's tokens, those thought; none here.</summary>
sealed record OutputTokensDetails(int ReasoningTokens);

/// <summary>The event that something went wrong; the response that failed follows.</summary>
sealed record ResponseErrorEvent(string Type, string Code, string Message, string? Param, int SequenceNumber);

/// <summary>An event of a stream; which one, its type says.</summary>
sealed record ResponseEvent(string Type, int SequenceNumber)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Response? Response { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ItemId { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? OutputIndex { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? ContentIndex { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public OutputItem? Item { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public OutputText? Part { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Delta { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Text { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Name { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Arguments { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<WireLogprob>? Logprobs { get; init; }
}

/// <summary>What was deleted.</summary>
sealed record DeletedResponse(string Id, string Object, bool Deleted);

/// <summary>What an answer was the answer to.</summary>
sealed record ItemList(string Object, IReadOnlyList<JsonElement> Data, string? FirstId, string? LastId, bool HasMore);

/// <summary>How these are written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(Response))]
[JsonSerializable(typeof(ResponseEvent))]
[JsonSerializable(typeof(ResponseErrorEvent))]
[JsonSerializable(typeof(DeletedResponse))]
[JsonSerializable(typeof(ItemList))]
sealed partial class ResponsesJson : JsonSerializerContext;
