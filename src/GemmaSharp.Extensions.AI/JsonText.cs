using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.Extensions.AI;

namespace GemmaSharp.Extensions.AI;

/// <summary>Values as the compact JSON that the model reads and writes.</summary>
static class JsonText
{
    static readonly JsonWriterOptions s_compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A value as JSON.</summary>
    /// <exception cref="NotSupportedException">The value's type cannot be written.</exception>
    public static string Of(object? value) => Written(writer => Write(writer, value));

    /// <summary>The arguments of a call as a JSON object; none are an empty one.</summary>
    /// <exception cref="NotSupportedException">An argument's type cannot be written.</exception>
    public static string OfArguments(IEnumerable<KeyValuePair<string, object?>>? arguments) => Written(writer =>
    {
        writer.WriteStartObject();
        foreach ((string name, object? value) in arguments ?? [])
        {
            writer.WritePropertyName(name);
            Write(writer, value);
        }

        writer.WriteEndObject();
    });

    /// <summary>Reads the arguments of a call.</summary>
    /// <exception cref="JsonException">The text is no JSON object.</exception>
    public static IDictionary<string, object?> Arguments(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        if (document.RootElement.ValueKind != JsonValueKind.Object)
        {
            throw new JsonException($"The arguments are a JSON {document.RootElement.ValueKind.ToString().ToLowerInvariant()}; they must be an object.");
        }

        var arguments = new Dictionary<string, object?>();
        foreach (JsonProperty property in document.RootElement.EnumerateObject())
        {
            arguments[property.Name] = property.Value.ValueKind == JsonValueKind.Null ? null : property.Value.Clone();
        }

        return arguments;
    }

    static string Written(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, s_compact))
        {
            write(writer);
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    static void Write(Utf8JsonWriter writer, object? value)
    {
        if (value is JsonElement { ValueKind: not JsonValueKind.Undefined } element)
        {
            element.WriteTo(writer);
            return;
        }

        try
        {
            JsonSerializer.Serialize(writer, value is JsonElement ? null : value, AIJsonUtilities.DefaultOptions.GetTypeInfo(typeof(object)));
        }
        catch (Exception error) when (error is NotSupportedException or JsonException or InvalidOperationException)
        {
            throw new NotSupportedException(
                $"A value of the type {value!.GetType().Name} cannot be written as JSON ({error.Message.TrimEnd('.')}); give a string, a JsonElement or a "
                + "plain object.", error);
        }
    }
}
