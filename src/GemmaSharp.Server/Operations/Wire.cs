using System.Text.Json;
using System.Text.Json.Serialization;

namespace GemmaSharp.Server.Operations;

/// <summary>Whether the server is well.</summary>
sealed record Health(string Status);

/// <summary>Ids of a text.</summary>
sealed record TokenIds(IReadOnlyList<int> Tokens);

/// <summary>Ids of a text with what they stand for.</summary>
sealed record TokenPieces(IReadOnlyList<PieceOfToken> Tokens);

/// <summary>An id and its text; bytes where it is a part of a character.</summary>
sealed record PieceOfToken(int Id, [property: JsonConverter(typeof(PieceConverter))] (string Text, byte[] Bytes) Piece);

/// <summary>A text of ids.</summary>
sealed record TextContent(string Content);

/// <summary>A conversation as it is put to the model.</summary>
sealed record AppliedTemplate(string Prompt);

/// <summary>How the server is set up.</summary>
sealed record Props(
    PropsSettings DefaultGenerationSettings, int TotalSlots, string ModelPath, string ModelAlias, string ChatTemplate, PropsModalities Modalities,
    string BuildInfo, bool IsSleeping);

/// <summary>What holds for every request.</summary>
sealed record PropsSettings(int NCtx, PropsParams Params);

/// <summary>What an answer is drawn with when the request says nothing.</summary>
sealed record PropsParams(double Temperature, int TopK, double TopP, double MinP, int MaxTokens);

/// <summary>What the model takes beside text.</summary>
sealed record PropsModalities(bool Vision, bool Audio);

/// <summary>A place in which an answer is computed.</summary>
sealed record Slot(int Id, string Model, int NCtx, bool IsProcessing);

/// <summary>How these are written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(Health))]
[JsonSerializable(typeof(TokenIds))]
[JsonSerializable(typeof(TokenPieces))]
[JsonSerializable(typeof(TextContent))]
[JsonSerializable(typeof(AppliedTemplate))]
[JsonSerializable(typeof(Props))]
[JsonSerializable(typeof(IReadOnlyList<Slot>))]
sealed partial class OperationsJson : JsonSerializerContext;

/// <summary>A piece as text, or as bytes where it is none.</summary>
sealed class PieceConverter : JsonConverter<(string Text, byte[] Bytes)>
{
    public override (string Text, byte[] Bytes) Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        throw new NotSupportedException();

    public override void Write(Utf8JsonWriter writer, (string Text, byte[] Bytes) value, JsonSerializerOptions options)
    {
        if (System.Text.Unicode.Utf8.IsValid(value.Bytes))
        {
            writer.WriteStringValue(value.Bytes);
            return;
        }

        writer.WriteStartArray();
        foreach (byte each in value.Bytes)
        {
            writer.WriteNumberValue(each);
        }

        writer.WriteEndArray();
    }
}
