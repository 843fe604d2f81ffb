using System.Text.Json;
using System.Text.Json.Serialization;

namespace GemmaSharp.Server.Ollama;

/// <summary>A piece of an answer, or the whole of it; the last one says what it cost, times in nanoseconds.</summary>
abstract record AnswerLine(string Model, DateTime CreatedAt, bool Done)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? DoneReason { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<OllamaLogprob>? Logprobs { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? TotalDuration { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? LoadDuration { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? PromptEvalCount { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? PromptEvalCachedCount { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? PromptEvalDuration { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? EvalCount { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? EvalDuration { get; init; }
}

/// <summary>A piece of an answer of <c>/api/chat</c>.</summary>
sealed record ChatLine(string Model, DateTime CreatedAt, bool Done, OllamaMessage Message) : AnswerLine(Model, CreatedAt, Done);

/// <summary>A piece of an answer of <c>/api/generate</c>.</summary>
sealed record GenerateLine(string Model, DateTime CreatedAt, bool Done, string Response) : AnswerLine(Model, CreatedAt, Done)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<int>? Context { get; init; }
}

/// <summary>What the model said.</summary>
sealed record OllamaMessage(string Role, string Content)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<OllamaCall>? ToolCalls { get; init; }
}

/// <summary>A call of a function.</summary>
sealed record OllamaCall(string Id, OllamaFunction Function);

/// <summary>Which function, with the arguments as an object.</summary>
sealed record OllamaFunction(int Index, string Name, JsonElement Arguments);

/// <summary>A token with the natural log of its probability, and those that were likely in its place.</summary>
sealed record OllamaLogprob(string Token, float Logprob, IReadOnlyList<int>? Bytes)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<OllamaLogprob>? TopLogprobs { get; init; }
}

/// <summary>The models there are.</summary>
sealed record TagList(IReadOnlyList<Tag> Models);

/// <summary>A model in the list.</summary>
sealed record Tag(
    string Name, string Model, DateTimeOffset ModifiedAt, long Size, string Digest, ModelDetails Details, IReadOnlyList<string> Capabilities);

/// <summary>What kind of model it is.</summary>
sealed record ModelDetails(
    string ParentModel, string Format, string Family, IReadOnlyList<string> Families, string ParameterSize, string QuantizationLevel, int ContextLength,
    int EmbeddingLength);

/// <summary>Everything about a model.</summary>
sealed record ModelShow(
    string License, string Modelfile, string Parameters, string Template, string System, ModelDetails Details, Dictionary<string, JsonElement> ModelInfo,
    IReadOnlyList<string> Capabilities, DateTimeOffset ModifiedAt);

/// <summary>The models that are loaded.</summary>
sealed record ProcessList(IReadOnlyList<Process> Models);

/// <summary>A loaded model.</summary>
sealed record Process(
    string Name, string Model, long Size, string Digest, ModelDetails Details, DateTimeOffset ExpiresAt, long SizeVram, int ContextLength);

/// <summary>Which Ollama this is as good as.</summary>
sealed record OllamaVersion(string Version);

/// <summary>How these are written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ChatLine))]
[JsonSerializable(typeof(GenerateLine))]
[JsonSerializable(typeof(TagList))]
[JsonSerializable(typeof(ModelShow))]
[JsonSerializable(typeof(ProcessList))]
[JsonSerializable(typeof(OllamaVersion))]
sealed partial class OllamaJson : JsonSerializerContext;
