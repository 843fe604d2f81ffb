using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using GemmaSharp.Files;

namespace GemmaSharp;

/// <summary>Conversations as JSON: a list of <c>{role, content}</c>, content a text or a list of parts <c>{type: text|image|audio|video, …}</c>.</summary>
/// <remarks>
/// The value of a part stands under the name of its type. Pictures, sound and videos are read and written as their source: a path, relative to the file's
/// folder both ways, or a <c>data:</c>, <c>http:</c> or <c>https:</c> address. The list may also be the <c>messages</c> of an object; comments and trailing
/// commas are passed over. Stateless, thread-safe.
/// </remarks>
public static class ConversationFile
{
    const int LargestFile = 64 << 20;
    const string Text = "text", Image = "image", Audio = "audio", Video = "video";

    static readonly JsonWriterOptions s_writing = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    // Of two properties of one name, a reader would silently lose one.
    static readonly JsonDocumentOptions s_reading = new()
    {
        AllowTrailingCommas = true,
        CommentHandling = JsonCommentHandling.Skip,
        AllowDuplicateProperties = false,
    };

    /// <summary>Reads a file, which may also be a pipe. What its parts name is not read.</summary>
    /// <param name="path">The file, of at most 64 MiB.</param>
    /// <returns>At least one message; pictures, sound and videos have their source only, paths in full.</returns>
    /// <exception cref="ChatMessageException">It is missing, unreadable or no conversation.</exception>
    public static IReadOnlyList<ChatMessage> Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            byte[] bytes = BoundedFile.Read(path, LargestFile)
                ?? throw new ChatMessageException($"{path} has more than {LargestFile} bytes; give a shorter file.");
            return Parse(bytes, path, Folder(path));
        }
        catch (Exception e) when (BoundedFile.IsRefusal(e))
        {
            throw new ChatMessageException(BoundedFile.Unreadable(path, e), e);
        }
    }

    /// <summary>Reads JSON text.</summary>
    /// <param name="utf8">The text, with or without a byte order mark.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="folder">What relative paths are relative to.</param>
    /// <returns>At least one message; pictures, sound and videos have their source only, paths in full.</returns>
    /// <exception cref="ChatMessageException">It is no conversation; the message names the place.</exception>
    public static IReadOnlyList<ChatMessage> Parse(ReadOnlyMemory<byte> utf8, string name, string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (utf8.Span.StartsWith("\uFEFF"u8))
        {
            utf8 = utf8[3..];
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(utf8, s_reading);
            return new Reader(name, Path.GetFullPath(folder)).Messages(document.RootElement);
        }
        catch (JsonException e)
        {
            throw new ChatMessageException($"{name} is not valid JSON ({e.Message.TrimEnd('.')}); a list of {{\"role\": …, \"content\": …}} is needed.", e);
        }
        catch (InvalidOperationException e)
        {
            // A string with half a surrogate pair or bytes that are not UTF-8.
            throw new ChatMessageException($"{name} holds a string that is not valid Unicode; save it as UTF-8.", e);
        }
    }

    /// <summary>Writes a conversation in one step: what was there before stays when it fails.</summary>
    /// <param name="path">The file; sources at or below its folder are named relative to it, so that they move together.</param>
    /// <param name="messages">The conversation.</param>
    /// <exception cref="ChatMessageException">A picture, sound or video came from memory and has no source to be named by.</exception>
    /// <exception cref="IOException">The file cannot be written; the message is a sentence that says why.</exception>
    public static void Write(string path, IReadOnlyList<ChatMessage> messages)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(messages);
        try
        {
            var buffer = new ArrayBufferWriter<byte>();
            string folder = Folder(path);
            using (var json = new Utf8JsonWriter(buffer, s_writing))
            {
                json.WriteStartArray();
                for (int i = 0; i < messages.Count; i++)
                {
                    Write(json, messages[i], i, folder);
                }

                json.WriteEndArray();
            }

            buffer.Write("\n"u8);
            AtomicFile.Write(path, buffer.WrittenSpan);
        }
        catch (Exception e) when (BoundedFile.IsRefusal(e))
        {
            throw AtomicFile.Unwritable(path, e);
        }
    }

    static void Write(Utf8JsonWriter json, ChatMessage message, int index, string folder)
    {
        json.WriteStartObject();
        json.WriteString("role", Whole(message.Role));
        if (message.IsPlainText)
        {
            json.WriteString("content", Whole(message.Text));
        }
        else
        {
            json.WriteStartArray("content");
            foreach (ContentPart part in message.Parts)
            {
                (string type, string? value) = part switch
                {
                    TextPart text => (Text, text.Text),
                    ImagePart image => (Image, image.Source),
                    AudioPart audio => (Audio, audio.Source),
                    LongAudioPart audio => (Audio, audio.Source),
                    VideoPart video => (Video, video.Source),
                    _ => throw new ChatMessageException($"Message {index} has a part of type {part.GetType().Name}, which cannot be written."),
                };
                if (value is null)
                {
                    throw new ChatMessageException(
                        $"The {type} of message {index} came from memory and has no path or address to be saved by; save it as a file first.");
                }

                json.WriteStartObject();
                json.WriteString("type", type);
                json.WriteString(type, Whole(type == Text || IsAddress(value) ? value : PathFrom(folder, value)));
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
        bool outside = relative == ".." || relative.StartsWith(".." + Path.DirectorySeparatorChar, StringComparison.Ordinal) || Path.IsPathRooted(relative);
        return outside ? full : relative.Replace('\\', '/');
    }

    // The writer refuses half a surrogate pair; a terminal can send one.
    static string Whole(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));

    static string Folder(string path) => Path.GetDirectoryName(Path.GetFullPath(path)) ?? Path.GetFullPath(path);

    static bool IsAddress(string source) =>
        source.StartsWith("data:", StringComparison.OrdinalIgnoreCase)
        || source.StartsWith("http://", StringComparison.OrdinalIgnoreCase)
        || source.StartsWith("https://", StringComparison.OrdinalIgnoreCase);

    /// <summary>One reading: what messages call the text, and what its paths are relative to.</summary>
    readonly struct Reader(string name, string folder)
    {
        public List<ChatMessage> Messages(JsonElement root)
        {
            string place = "$";
            if (root.ValueKind == JsonValueKind.Object && root.TryGetProperty("messages", out JsonElement inner))
            {
                (root, place) = (inner, "$.messages");
            }

            if (root.ValueKind != JsonValueKind.Array)
            {
                throw Refuse(place, root, "a list of {\"role\": …, \"content\": …}");
            }

            var messages = new List<ChatMessage>();
            foreach (JsonElement message in root.EnumerateArray())
            {
                messages.Add(Message(message, $"{place}[{messages.Count}]"));
            }

            return messages.Count > 0 ? messages : throw new ChatMessageException($"{name} has no messages; at least one from the user is needed.");
        }

        ChatMessage Message(JsonElement message, string place)
        {
            if (message.ValueKind != JsonValueKind.Object)
            {
                throw Refuse(place, message, "an object with role and content");
            }

            string role = String(message, "role", place);
            if (role.Length == 0)
            {
                throw new ChatMessageException($"{name}: {place}.role is empty; \"user\", \"assistant\" or \"system\" is needed.");
            }

            if (!message.TryGetProperty("content", out JsonElement content))
            {
                throw new ChatMessageException($"{name}: {place}.content is absent; a string or a list of parts is needed.");
            }

            if (content.ValueKind == JsonValueKind.String)
            {
                return new ChatMessage(role, content.GetString()!);
            }

            if (content.ValueKind != JsonValueKind.Array)
            {
                throw Refuse(place + ".content", content, "a string or a list of parts");
            }

            var parts = new List<ContentPart>();
            foreach (JsonElement part in content.EnumerateArray())
            {
                parts.Add(Part(part, $"{place}.content[{parts.Count}]"));
            }

            return new ChatMessage(role, parts);
        }

        ContentPart Part(JsonElement part, string place)
        {
            if (part.ValueKind != JsonValueKind.Object)
            {
                throw Refuse(place, part, "an object with a type");
            }

            string type = String(part, "type", place);
            ContentPart read = type switch
            {
                Text => new TextPart(String(part, Text, place)),
                Image => new ImagePart(null, Source(part, type, place)),
                Audio => new AudioPart(null, Source(part, type, place)),
                Video => new VideoPart(null, null, Source(part, type, place)),
                _ => throw Refuse(place + ".type", part.GetProperty("type"), "one of text, image, audio and video"),
            };
            foreach (string other in (string[])[Text, Image, Audio, Video])
            {
                // What the type leaves out would be lost without a word.
                if (other != type && part.TryGetProperty(other, out JsonElement value) && value.ValueKind != JsonValueKind.Null)
                {
                    throw new ChatMessageException($"{name}: {place} is of type {type} and has {other} as well; make that a part of its own.");
                }
            }

            return read;
        }

        string Source(JsonElement part, string type, string place)
        {
            string source = String(part, type, place);
            if (source.Length == 0)
            {
                throw new ChatMessageException($"{name}: {place}.{type} is empty; the path of a file is needed.");
            }

            if (IsAddress(source))
            {
                return source;
            }

            return source.Contains('\0', StringComparison.Ordinal)
                ? throw Refuse($"{place}.{type}", part.GetProperty(type), "the path of a file, which has no NUL,")
                : Path.GetFullPath(source, folder);
        }

        string String(JsonElement parent, string key, string place) =>
            !parent.TryGetProperty(key, out JsonElement value)
                ? throw new ChatMessageException($"{name}: {place}.{key} is absent; a string is needed.")
                : value.ValueKind == JsonValueKind.String
                    ? value.GetString()!
                    : throw Refuse($"{place}.{key}", value, "a string");

        // As the file spells it, so that what controls a terminal stays escaped.
        ChatMessageException Refuse(string place, JsonElement found, string needed)
        {
            string text = found.GetRawText();
            return new ChatMessageException($"{name}: {place} is {(text.Length <= 40 ? text : text[..37] + "...")}; {needed} is needed.");
        }
    }
}
