using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace GemmaSharp.Cli.Conversations;

/// <summary>Conversations as JSON: a list of <c>{role, content}</c>, content a string or parts <c>{type, text|image|audio|video}</c>.</summary>
/// <remarks>Relative paths of parts are relative to the file's folder, both when read and when written.</remarks>
static class ConversationFile
{
    const int LargestFile = 64 << 20;

    static readonly JsonWriterOptions s_format = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Reads a file.</summary>
    /// <exception cref="CliException">It is missing, unreadable or no conversation.</exception>
    public static List<ConversationMessage> Read(string path)
    {
        byte[] bytes = InputFiles.ReadBytes(path, LargestFile);
        return Parse(bytes, path, Path.GetDirectoryName(Path.GetFullPath(path))!);
    }

    /// <summary>Reads JSON text.</summary>
    /// <param name="json">UTF-8, with or without a byte order mark.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="folder">What relative paths are relative to.</param>
    /// <exception cref="CliException">It is no conversation.</exception>
    public static List<ConversationMessage> Parse(ReadOnlyMemory<byte> json, string name, string folder)
    {
        if (json.Span.StartsWith("\uFEFF"u8))
        {
            json = json[3..];
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            JsonElement root = document.RootElement;
            if (root.ValueKind == JsonValueKind.Object && root.TryGetProperty("messages", out JsonElement inner))
            {
                root = inner;
            }

            if (root.ValueKind != JsonValueKind.Array)
            {
                throw Refuse(name, "$", root, "a list of {\"role\": …, \"content\": …}");
            }

            var messages = new List<ConversationMessage>();
            foreach (JsonElement message in root.EnumerateArray())
            {
                messages.Add(ReadMessage(message, name, $"$[{messages.Count}]", folder));
            }

            return messages.Count > 0 ? messages : throw CliException.Input($"{name} has no messages; at least one from the user is needed.");
        }
        catch (JsonException error)
        {
            throw CliException.Input($"{name} is not valid JSON ({error.Message.TrimEnd('.')}); a list of {{\"role\": …, \"content\": …}} is needed.", error);
        }
        catch (InvalidOperationException error)
        {
            // A string with half a surrogate pair or bytes that are not UTF-8.
            throw CliException.Input($"{name} holds a string that is not valid Unicode; save it as UTF-8.", error);
        }
    }

    /// <summary>Writes a conversation in one step: what was there before stays when it fails.</summary>
    /// <exception cref="CliException">The file cannot be written.</exception>
    public static void Write(string path, IReadOnlyList<ConversationMessage> messages)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, s_format))
        {
            json.WriteStartArray();
            foreach (ConversationMessage message in messages)
            {
                WriteMessage(json, message, folder);
            }

            json.WriteEndArray();
        }

        buffer.Write("\n"u8);
        AtomicFile.Write(path, buffer.WrittenSpan);
    }

    static ConversationMessage ReadMessage(JsonElement message, string name, string place, string folder)
    {
        if (message.ValueKind != JsonValueKind.Object)
        {
            throw Refuse(name, place, message, "an object with role and content");
        }

        string role = String(message, "role", name, place);
        if (role.Length == 0)
        {
            throw CliException.Input($"{name}: {place}.role is empty; \"user\", \"assistant\" or \"system\" is needed.");
        }

        if (!message.TryGetProperty("content", out JsonElement content))
        {
            throw CliException.Input($"{name}: {place}.content is absent; a string or a list of parts is needed.");
        }

        if (content.ValueKind == JsonValueKind.String)
        {
            return ConversationMessage.OfText(role, content.GetString()!);
        }

        if (content.ValueKind != JsonValueKind.Array)
        {
            throw Refuse(name, place + ".content", content, "a string or a list of parts");
        }

        var parts = new List<ConversationPart>();
        foreach (JsonElement part in content.EnumerateArray())
        {
            parts.Add(ReadPart(part, name, $"{place}.content[{parts.Count}]", folder));
        }

        return new ConversationMessage(role, parts);
    }

    static ConversationPart ReadPart(JsonElement part, string name, string place, string folder)
    {
        if (part.ValueKind != JsonValueKind.Object)
        {
            throw Refuse(name, place, part, "an object with a type");
        }

        string type = String(part, "type", name, place);
        return type switch
        {
            "text" => new ConversationPart(PartKind.Text, String(part, "text", name, place)),
            "image" => new ConversationPart(PartKind.Image, Source(part, type, name, place, folder)),
            "audio" => new ConversationPart(PartKind.Audio, Source(part, type, name, place, folder)),
            "video" => new ConversationPart(PartKind.Video, Source(part, type, name, place, folder)),
            _ => throw CliException.Input($"{name}: {place}.type is \"{type}\"; one of text, image, audio and video is needed."),
        };
    }

    static string Source(JsonElement part, string type, string name, string place, string folder)
    {
        string source = String(part, type, name, place);
        return source.Length == 0
            ? throw CliException.Input($"{name}: {place}.{type} is empty; the path of a file is needed.")
            : InputFiles.IsAddress(source) ? source : Path.GetFullPath(source, folder);
    }

    static string String(JsonElement parent, string key, string name, string place) =>
        !parent.TryGetProperty(key, out JsonElement value)
            ? throw CliException.Input($"{name}: {place}.{key} is absent; a string is needed.")
            : value.ValueKind == JsonValueKind.String
                ? value.GetString()!
                : throw Refuse(name, $"{place}.{key}", value, "a string");

    static CliException Refuse(string name, string place, JsonElement found, string needed)
    {
        string text = found.GetRawText();
        return CliException.Input($"{name}: {place} is {(text.Length <= 40 ? text : text[..37] + "...")}; {needed} is needed.");
    }

    static void WriteMessage(Utf8JsonWriter json, ConversationMessage message, string folder)
    {
        json.WriteStartObject();
        json.WriteString("role", message.Role);
        if (message.Parts is [{ Kind: PartKind.Text } text])
        {
            json.WriteString("content", Whole(text.Value));
        }
        else
        {
            json.WriteStartArray("content");
            foreach (ConversationPart part in message.Parts)
            {
                string type = part.Kind.ToString().ToLowerInvariant();
                json.WriteStartObject();
                json.WriteString("type", type);
                json.WriteString(type, Whole(part.Kind == PartKind.Text || InputFiles.IsAddress(part.Value) ? part.Value : PathFrom(folder, part.Value)));
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    // Files at or below the conversation's folder move with it; others are named in full.
    static string PathFrom(string folder, string path)
    {
        string full = Path.GetFullPath(path);
        string relative = Path.GetRelativePath(folder, full);
        return relative.StartsWith("..", StringComparison.Ordinal) || Path.IsPathRooted(relative) ? full : relative.Replace('\\', '/');
    }

    // The writer refuses half a surrogate pair; a terminal can send one.
    static string Whole(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
}
