using System.Text.Encodings.Web;
using System.Text.Json;

namespace GemmaSharp.Prompting.Chat;

/// <summary>Conversations as JSON: a list of <c>{role, content}</c>, content a text or a list of parts <c>{type, text|image|audio}</c>.</summary>
/// <remarks>Pictures and clips are kept by their source, which the caller resolves. Stateless, thread-safe.</remarks>
static class ChatMessageJson
{
    /// <summary>Reads messages; pictures and clips come with their source only.</summary>
    /// <param name="utf8">The JSON.</param>
    /// <exception cref="ChatMessageException">It is not valid JSON, or not a list of messages.</exception>
    public static IReadOnlyList<ChatMessage> Read(ReadOnlyMemory<byte> utf8)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(utf8, new JsonDocumentOptions { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip });
            if (json.RootElement.ValueKind != JsonValueKind.Array)
            {
                throw Refuse("$", json.RootElement, "a list of messages");
            }

            return [.. json.RootElement.EnumerateArray().Select((message, i) => ReadMessage(message, $"$[{i}]"))];
        }
        catch (JsonException e)
        {
            throw new ChatMessageException($"The messages are not valid JSON: {e.Message}", e);
        }
        catch (InvalidOperationException e)
        {
            // A string with half a surrogate pair.
            throw new ChatMessageException($"The messages hold a text that is not valid Unicode: {e.Message}", e);
        }
    }

    /// <summary>Writes messages so that <see cref="Read"/> gives them back.</summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="output">Where to write; left open.</param>
    /// <exception cref="ChatMessageException">A picture or clip came from memory and has no source to be named by.</exception>
    public static void Write(IReadOnlyList<ChatMessage> messages, Stream output)
    {
        ArgumentNullException.ThrowIfNull(messages);
        using var json = new Utf8JsonWriter(output, new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        json.WriteStartArray();
        for (int i = 0; i < messages.Count; i++)
        {
            json.WriteStartObject();
            json.WriteString("role", messages[i].Role);
            if (messages[i].IsPlainText)
            {
                json.WriteString("content", messages[i].Text);
            }
            else
            {
                json.WriteStartArray("content");
                foreach (ContentPart part in messages[i].Parts)
                {
                    WritePart(json, part, i);
                }

                json.WriteEndArray();
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    static void WritePart(Utf8JsonWriter json, ContentPart part, int message)
    {
        (string type, string? value) = part switch
        {
            TextPart text => ("text", text.Text),
            ImagePart image => ("image", image.Source),
            AudioPart audio => ("audio", audio.Source),
            _ => throw new ChatMessageException($"Message {message} has a part of type {part.GetType().Name}, which cannot be written."),
        };
        json.WriteStartObject();
        json.WriteString("type", type);
        json.WriteString(type, value ?? throw new ChatMessageException($"The {type} of message {message} came from memory and has no path or address to be saved by; save it as a file first."));
        json.WriteEndObject();
    }

    static ChatMessage ReadMessage(JsonElement message, string path)
    {
        if (message.ValueKind != JsonValueKind.Object)
        {
            throw Refuse(path, message, "an object with role and content");
        }

        string role = Text(Property(message, "role", path), $"{path}.role", "a role such as \"user\"");
        if (role.Length == 0)
        {
            throw new ChatMessageException($"{path}.role is empty; it must be a role such as \"user\".");
        }

        JsonElement content = Property(message, "content", path);
        return content.ValueKind switch
        {
            JsonValueKind.String => new ChatMessage(role, content.GetString()!),
            JsonValueKind.Array => new ChatMessage(role, [.. content.EnumerateArray().Select((part, i) => ReadPart(part, $"{path}.content[{i}]"))]),
            _ => throw Refuse($"{path}.content", content, "a text or a list of parts"),
        };
    }

    static ContentPart ReadPart(JsonElement part, string path)
    {
        if (part.ValueKind != JsonValueKind.Object)
        {
            throw Refuse(path, part, "an object with type and text, image or audio");
        }

        string type = Text(Property(part, "type", path), $"{path}.type", "\"text\", \"image\" or \"audio\"");
        return type switch
        {
            "text" => new TextPart(Text(Property(part, "text", path), $"{path}.text", "a text")),
            "image" => new ImagePart(null, Text(Property(part, "image", path), $"{path}.image", "a path or address")),
            "audio" => new AudioPart(null, Text(Property(part, "audio", path), $"{path}.audio", "a path or address")),
            _ => throw new ChatMessageException($"{path}.type is \"{type}\"; it must be \"text\", \"image\" or \"audio\"."),
        };
    }

    static JsonElement Property(JsonElement element, string name, string path) =>
        element.TryGetProperty(name, out JsonElement value) ? value : throw new ChatMessageException($"{path} has no {name}; add it.");

    static string Text(JsonElement element, string path, string needed) =>
        element.ValueKind == JsonValueKind.String ? element.GetString()! : throw Refuse(path, element, needed);

    static ChatMessageException Refuse(string path, JsonElement found, string needed)
    {
        string text = found.GetRawText();
        return new ChatMessageException($"{path} is {(text.Length > 60 ? text[..60] + "…" : text)}; it must be {needed}.");
    }
}
