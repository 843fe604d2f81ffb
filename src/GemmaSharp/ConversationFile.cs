using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using GemmaSharp.Files;

namespace GemmaSharp;

/// <summary>Conversations as JSON: a list of <c>{role, content}</c>, content a text or a list of parts <c>{type: text|image|audio|video, …}</c>.</summary>
/// <remarks>
/// The value of a part stands under the name of its type. The forms of other programs are read as well: OpenAI's with calls of tools, Anthropic's, Ollama's,
/// Gemini's, Hugging Face's, LangChain's, ShareGPT's; a key that carries content and is not read is refused by its name. Pictures, sound and videos are
/// read and written as their source: a path, relative to the file's folder both ways, or a <c>data:</c>, <c>http:</c> or <c>https:</c> address. The list may
/// also be the <c>messages</c> of an object; comments and trailing commas are passed over. Stateless, thread-safe.
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
    /// <param name="utf8">The text in UTF-8, or in UTF-16 or UTF-32 with a byte order mark.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="folder">What relative paths are relative to.</param>
    /// <returns>At least one message; pictures, sound and videos have their source only, paths in full.</returns>
    /// <exception cref="ChatMessageException">It is no conversation; the message names the place.</exception>
    public static IReadOnlyList<ChatMessage> Parse(ReadOnlyMemory<byte> utf8, string name, string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentException.ThrowIfNullOrEmpty(folder);
        try
        {
            using JsonDocument document = JsonDocument.Parse(EncodedText.ToUtf8(utf8), s_reading);
            return new ConversationReader(name, Path.GetFullPath(folder)).Messages(document.RootElement);
        }
        catch (JsonException e)
        {
            throw new ChatMessageException($"{name} is not valid JSON ({e.Message.TrimEnd('.')}); a list of {{\"role\": …, \"content\": …}} is needed.", e);
        }
        catch (DecoderFallbackException e)
        {
            throw new ChatMessageException($"{name} is no text of the encoding that its byte order mark names; save it as UTF-8.", e);
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
        ToolCall[] calls = [.. message.Parts.OfType<ToolCallPart>().Select(part => part.Call)];
        ContentPart[] parts = [.. message.Parts.Where(part => part is not ToolCallPart)];
        if (message.Role == ChatMessage.ToolRole && parts is [ToolResultPart result])
        {
            json.WriteString("tool_call_id", Whole(result.CallId));
            if (result.Name is not null)
            {
                json.WriteString("name", Whole(result.Name));
            }

            json.WriteString("content", Whole(result.Result));
        }
        else if (message.IsPlainText)
        {
            json.WriteString("content", Whole(message.Text));
        }
        else
        {
            json.WriteStartArray("content");
            foreach (ContentPart part in parts)
            {
                if (part is ToolResultPart other)
                {
                    json.WriteStartObject();
                    json.WriteString("type", "tool_result");
                    json.WriteString("tool_use_id", Whole(other.CallId));
                    json.WriteString("content", Whole(other.Result));
                    json.WriteEndObject();
                    continue;
                }

                (string type, string? value) = part switch
                {
                    TextPart text => (Text, (string?)text.Text),
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

        if (calls.Length > 0)
        {
            WriteCalls(json, calls);
        }

        json.WriteEndObject();
    }

    // As OpenAI has them.
    static void WriteCalls(Utf8JsonWriter json, ToolCall[] calls)
    {
        json.WriteStartArray("tool_calls");
        foreach (ToolCall call in calls)
        {
            json.WriteStartObject();
            json.WriteString("id", Whole(call.Id));
            json.WriteString("type", "function");
            json.WriteStartObject("function");
            json.WriteString("name", Whole(call.Name));
            json.WriteString("arguments", Whole(call.Arguments));
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
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

    /// <summary>Whether a source is an address and no path.</summary>
    internal static bool IsAddress(string source) =>
        source.StartsWith("data:", StringComparison.OrdinalIgnoreCase)
        || source.StartsWith("http://", StringComparison.OrdinalIgnoreCase)
        || source.StartsWith("https://", StringComparison.OrdinalIgnoreCase);
}
