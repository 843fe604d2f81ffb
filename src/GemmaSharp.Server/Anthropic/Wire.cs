using System.Text.Json;
using System.Text.Json.Serialization;

namespace GemmaSharp.Server.Anthropic;

/// <summary>A whole answer of <c>/v1/messages</c>, or its beginning in a stream.</summary>
sealed record Message(
    string Id, string Type, string Role, string Model, IReadOnlyList<Block> Content, string? StopReason, string? StopSequence, MessageUsage Usage);

/// <summary>A piece of an answer: text, or a call of a tool with its arguments as an object.</summary>
sealed record Block(string Type)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Text { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Id { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Name { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public JsonElement? Input { get; init; }
}

/// <summary>What an answer cost.</summary>
sealed record MessageUsage(int InputTokens, int CacheCreationInputTokens, int CacheReadInputTokens, int OutputTokens);

/// <summary>An event of a stream; which one, its type says.</summary>
sealed record MessageEvent(string Type)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Message? Message { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Index { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Block? ContentBlock { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public BlockDelta? Delta { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public MessageUsage? Usage { get; init; }
}

/// <summary>What an event adds: text, JSON of arguments, or why the answer ended.</summary>
[JsonConverter(typeof(BlockDeltaConverter))]
sealed record BlockDelta(string? Text, string? PartialJson, string? StopReason, string? StopSequence = null);

/// <summary>Writes what an event adds: each kind has fields of its own.</summary>
sealed class BlockDeltaConverter : JsonConverter<BlockDelta>
{
    public override BlockDelta Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => throw new NotSupportedException();

    public override void Write(Utf8JsonWriter writer, BlockDelta value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        if (value.Text is not null)
        {
            writer.WriteString("type", "text_delta");
            writer.WriteString("text", value.Text);
        }
        else if (value.PartialJson is not null)
        {
            writer.WriteString("type", "input_json_delta");
            writer.WriteString("partial_json", value.PartialJson);
        }
        else
        {
            writer.WriteString("stop_reason", value.StopReason);
            writer.WriteString("stop_sequence", value.StopSequence);
        }

        writer.WriteEndObject();
    }
}

/// <summary>How many tokens a conversation has.</summary>
sealed record InputTokens([property: JsonPropertyName("input_tokens")] int Count);

/// <summary>How these are written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(Message))]
[JsonSerializable(typeof(MessageEvent))]
[JsonSerializable(typeof(InputTokens))]
sealed partial class AnthropicJson : JsonSerializerContext;
