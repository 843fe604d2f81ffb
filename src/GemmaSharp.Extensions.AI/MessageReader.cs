using System.Text;
using GemmaSharp.Media;
using Microsoft.Extensions.AI;
using AIMessage = Microsoft.Extensions.AI.ChatMessage;

namespace GemmaSharp.Extensions.AI;

/// <summary>Messages of a request as the model takes them, all but decoding.</summary>
static class MessageReader
{
    /// <summary>Reads the messages once, in order; they do not change.</summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="instructions">Put before everything; null for none.</param>
    /// <param name="imageSide">Side in pixels to which pictures are brought that do not say themselves; null for the model's.</param>
    /// <exception cref="ArgumentException">A message or content is null.</exception>
    /// <exception cref="NotSupportedException">A content is of a kind that the model cannot take.</exception>
    public static IReadOnlyList<UnreadMessage> Read(IEnumerable<AIMessage> messages, string? instructions, int? imageSide)
    {
        var result = new List<UnreadMessage>();
        if (!string.IsNullOrEmpty(instructions))
        {
            result.Add(new UnreadMessage(ChatMessage.SystemRole, [new UnreadPiece(new TextPart(instructions), null)]));
        }

        foreach (AIMessage? message in messages)
        {
            if (message is null)
            {
                throw new ArgumentException($"Message {result.Count} is null; leave it out.", nameof(messages));
            }

            result.Add(new UnreadMessage(Role(message.Role), new Pieces(imageSide).Read(message.Contents)));
        }

        return result;
    }

    static string Role(ChatRole role) => role.Value.ToLowerInvariant() switch
    {
        "system" or "developer" => ChatMessage.SystemRole,
        "user" => ChatMessage.UserRole,
        "assistant" or "model" => ChatMessage.AssistantRole,
        "tool" or "function" => ChatMessage.ToolRole,
        _ => role.Value,
    };

    /// <summary>The pieces of one message; texts that follow each other are one.</summary>
    sealed class Pieces(int? imageSide)
    {
        readonly List<UnreadPiece> _pieces = [];
        readonly StringBuilder _text = new();

        // A file of text stands by itself; streamed texts are continued where they broke off.
        bool _afterFile;

        public List<UnreadPiece> Read(IList<AIContent> contents)
        {
            foreach (AIContent? content in contents)
            {
                Add(content ?? throw new ArgumentException("A content of a message is null; leave it out.", nameof(contents)));
            }

            EndText();
            if (_pieces.Count == 0)
            {
                _pieces.Add(new UnreadPiece(new TextPart(""), null));
            }

            return _pieces;
        }

        void Add(AIContent content)
        {
            switch (content)
            {
                case TextContent text:
                    AddText(text.Text, isFile: false);
                    break;
                case DataContent data:
                    AddData(data);
                    break;
                case UriContent uri:
                    AddUri(uri);
                    break;
                case FunctionCallContent call:
                    Add(new ToolCallPart(Call(call)));
                    break;
                case FunctionResultContent result:
                    AddResult(result);
                    break;
                case TextReasoningContent or UsageContent or ErrorContent or ToolApprovalRequestContent or ToolApprovalResponseContent:
                    // What is said about a conversation is no part of it.
                    break;
                default:
                    throw new NotSupportedException(
                        $"{content.GetType().Name} is no content that Gemma 3n can take; give text, or pictures, sound and video as DataContent or "
                        + "UriContent.");
            }
        }

        void AddText(string text, bool isFile)
        {
            if (_text.Length > 0 && (isFile || _afterFile))
            {
                _text.Append("\n\n");
            }

            _text.Append(text);
            _afterFile = isFile;
        }

        void Add(ContentPart part)
        {
            EndText();
            _pieces.Add(new UnreadPiece(part, null));
        }

        void Add(UnreadMedia media)
        {
            EndText();
            _pieces.Add(new UnreadPiece(null, media));
        }

        void EndText()
        {
            if (_text.Length > 0)
            {
                _pieces.Add(new UnreadPiece(new TextPart(_text.ToString()), null));
                _text.Clear();
            }

            _afterFile = false;
        }

        void AddData(DataContent data)
        {
            string name = data.Name is { Length: > 0 } given ? given : "The content";
            switch (Kind(data.MediaType))
            {
                case MediaKind.Other:
                    AddText(FileText(data), isFile: true);
                    break;
                case MediaKind.Unknown:
                    MediaFormat format = MediaFormat.Detect(data.Data.Span[..Math.Min(data.Data.Length, 4096)]);
                    MediaKind kind = format.Kind is MediaKind.Image or MediaKind.Audio or MediaKind.Video ? format.Kind : throw new NotSupportedException(
                        $"{name} is of the media type {data.MediaType} and its bytes are {format.Name}; give a picture, sound, a video or text.");
                    Add(new UnreadMedia(kind, data.Data, null, Side(data), name));
                    break;
                case MediaKind known:
                    Add(new UnreadMedia(known, data.Data, null, Side(data), name));
                    break;
            }
        }

        void AddUri(UriContent uri)
        {
            if (uri.Uri.IsAbsoluteUri && uri.Uri.Scheme == "data")
            {
                AddData(new DataContent(uri.Uri, uri.MediaType) { AdditionalProperties = uri.AdditionalProperties });
                return;
            }

            MediaKind kind = Kind(uri.MediaType);
            if (kind is MediaKind.Other or MediaKind.Unknown)
            {
                throw new NotSupportedException(
                    $"The address {uri.Uri.GetLeftPart(UriPartial.Path)} is of the media type {uri.MediaType}; only pictures, sound and videos are fetched, so "
                    + "name the type as image/*, audio/* or video/*, or give the file as DataContent.");
            }

            Add(new UnreadMedia(kind, default, uri.Uri.IsFile ? uri.Uri.LocalPath : uri.Uri.OriginalString, Side(uri), "The content"));
        }

        void AddResult(FunctionResultContent result)
        {
            (string text, IEnumerable<AIContent> others) = ResultText(result);
            Add(new ToolResultPart(result.CallId, null, text));
            foreach (AIContent other in others)
            {
                Add(other);
            }
        }

        /// <summary>Side in pixels to which a picture is brought, as the servers' <c>detail</c> asks for it.</summary>
        int? Side(AIContent content) => new AdditionalOptions(content.AdditionalProperties).Text("detail") switch
        {
            "low" => 256,
            "high" => 768,
            "auto" => 512,
            _ => imageSide,
        };
    }

    static ToolCall Call(FunctionCallContent content)
    {
        string arguments = JsonText.OfArguments(content.Arguments);

        // As the model spelled it, so that its prefix is found again, unless somebody has changed the arguments since.
        return content.RawRepresentation is ToolCall call && call.Name == content.Name && IsSame(call.Arguments, arguments)
            ? call with { Id = content.CallId }
            : new ToolCall(content.CallId, content.Name, arguments);

        static bool IsSame(string verbatim, string written)
        {
            try
            {
                return JsonText.OfArguments(JsonText.Arguments(verbatim)) == written;
            }
            catch (System.Text.Json.JsonException)
            {
                return false;
            }
        }
    }

    /// <summary>What a function gave: text or JSON, and the media that belong to it.</summary>
    static (string Text, IEnumerable<AIContent> Others) ResultText(FunctionResultContent content)
    {
        switch (content.Result)
        {
            case null when content.Exception is Exception error:
                return ($"Error: {error.Message}", []);
            case string text:
                return (content.Exception is null || text.StartsWith("Error", StringComparison.Ordinal) ? text : $"Error: {text}", []);
            case TextContent text:
                return (text.Text, []);
            case AIContent media:
                return ("The result follows.", [media]);
            case IEnumerable<AIContent> several:
                AIContent[] all = [.. several];
                string texts = string.Concat(all.OfType<TextContent>());
                return (texts.Length > 0 ? texts : "The result follows.", all.Where(each => each is not TextContent));
            default:
                return (JsonText.Of(content.Result), []);
        }
    }

    /// <summary>What a media type says: other stands for text, unknown for what the bytes must tell.</summary>
    static MediaKind Kind(string mediaType)
    {
        string type = mediaType.Split(';')[0].Trim().ToLowerInvariant();
        return type switch
        {
            _ when type.StartsWith("image/", StringComparison.Ordinal) => MediaKind.Image,
            _ when type.StartsWith("audio/", StringComparison.Ordinal) => MediaKind.Audio,
            _ when type.StartsWith("video/", StringComparison.Ordinal) => MediaKind.Video,
            _ when type.StartsWith("text/", StringComparison.Ordinal) => MediaKind.Other,
            "application/json" or "application/xml" => MediaKind.Other,
            _ => MediaKind.Unknown,
        };
    }

    static string FileText(DataContent data)
    {
        using var reader = new StreamReader(new MemoryStream(data.Data.ToArray()), Charset(data.MediaType), detectEncodingFromByteOrderMarks: true);
        return reader.ReadToEnd();
    }

    static Encoding Charset(string mediaType)
    {
        const string Name = "charset=";
        int at = mediaType.IndexOf(Name, StringComparison.OrdinalIgnoreCase);
        string charset = at < 0 ? "utf-8" : mediaType[(at + Name.Length)..].Split(';')[0].Trim(' ', '"');
        try
        {
            return Encoding.GetEncoding(charset);
        }
        catch (ArgumentException error)
        {
            throw new NotSupportedException($"The text is encoded as {charset}, which is not known here; give it as UTF-8.", error);
        }
    }
}
