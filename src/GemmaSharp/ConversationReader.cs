using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;

namespace GemmaSharp;

/// <summary>
/// One reading of a conversation, in the own form or in one that other programs write: OpenAI's two, Anthropic's, Ollama's, Gemini's, those of Hugging Face,
/// LangChain and ShareGPT.
/// </summary>
/// <remarks>A key that carries content and is not read is refused by its name, since what it says would be lost without a word.</remarks>
/// <param name="name">What messages call the text.</param>
/// <param name="folder">What paths in it are relative to.</param>
readonly struct ConversationReader(string name, string folder)
{
    const string Text = "text", Image = "image", Audio = "audio", Video = "video";

    /// <summary>A text of this length that is base64 and no file's name is the file itself.</summary>
    const int LeastBase64 = 64;

    /// <summary>Where objects have the list of messages.</summary>
    static readonly string[] s_lists = ["messages", "conversations", "conversation", "contents", "input", "history"];

    static readonly SearchValues<char> s_base64 = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=");

    /// <summary>Keys that say something of the content and are no content: whatever stands under them is passed over.</summary>
    static readonly HashSet<string> s_remarks = new(StringComparer.Ordinal)
    {
        "id", "name", "type", "role", "status", "index", "weight", "model", "timestamp", "created_at", "createdAt", "metadata", "usage", "timings", "logprobs",
        "annotations", "citations", "refusal", "reasoning", "reasoning_content", "reasoning_details", "thinking", "signature", "stop_reason", "stop_sequence",
        "finish_reason", "detail", "format", "filename", "title", "context", "cache_control", "media_type", "mediaType", "mime_type", "mimeType", "provider",
        "providerOptions", "provider_options", "providerMetadata", "additional_kwargs", "response_metadata", "usage_metadata", "example", "lc", "kwargs",
        "phase", "settings", "parameters", "options", "loss_mask", "train", "fps", "nframes", "min_pixels", "max_pixels", "sampling_rate",
    };

    /// <summary>The messages of a list, or of an object that has one.</summary>
    public List<ChatMessage> Messages(JsonElement root)
    {
        string place = "$";
        var messages = new List<ChatMessage>();
        if (root.ValueKind == JsonValueKind.Object)
        {
            string key = s_lists.FirstOrDefault(each => root.TryGetProperty(each, out JsonElement list) && list.ValueKind == JsonValueKind.Array)
                ?? s_lists.FirstOrDefault(each => root.TryGetProperty(each, out _))
                ?? throw Refuse(place, root, "a list of {\"role\": …, \"content\": …}");
            AddInstructions(root, messages);
            RequireRead(root, place, [key, "system", "instructions", "systemInstruction", "system_instruction"], isStrict: false);
            (root, place) = (root.GetProperty(key), "$." + key);
        }

        if (place is "$.input" or "$.contents" && root.ValueKind is JsonValueKind.String or JsonValueKind.Object)
        {
            // The interfaces that have these take one question instead of a list of messages.
            messages.Add(root.ValueKind == JsonValueKind.String ? ChatMessage.User(root.GetString()!) : Message(root, place, RoleOrUser(root, place)));
            return messages;
        }

        if (root.ValueKind != JsonValueKind.Array)
        {
            throw Refuse(place, root, "a list of {\"role\": …, \"content\": …}");
        }

        int index = 0;
        foreach (JsonElement message in root.EnumerateArray())
        {
            messages.Add(Message(message, $"{place}[{index++}]"));
        }

        return index > 0 ? messages : throw new ChatMessageException($"{name} has no messages; at least one from the user is needed.");
    }

    /// <summary>Instructions that stand beside the list.</summary>
    void AddInstructions(JsonElement root, List<ChatMessage> messages)
    {
        foreach (string key in (string[])["system", "instructions", "systemInstruction", "system_instruction"])
        {
            if (Has(root, key, out JsonElement value))
            {
                string place = "$." + key;
                if (value.ValueKind == JsonValueKind.Object && Has(value, "parts", out JsonElement inner))
                {
                    (value, place) = (inner, place + ".parts");
                }

                List<ContentPart> parts = Parts(value, place);
                messages.Add(parts is [TextPart only] ? ChatMessage.System(only.Text) : new ChatMessage(ChatMessage.SystemRole, parts));
            }
        }
    }

    ChatMessage Message(JsonElement message, string place)
    {
        if (message.ValueKind != JsonValueKind.Object)
        {
            throw Refuse(place, message, "an object with role and content");
        }

        // LangChain's messages have their type in the place of a role, and what they say within "data" or "kwargs".
        foreach (string key in (string[])["data", "kwargs"])
        {
            if (!message.TryGetProperty("role", out _) && Has(message, key, out JsonElement inner) && inner.ValueKind == JsonValueKind.Object
                && inner.TryGetProperty("content", out _))
            {
                RequireRead(message, place, [key], isStrict: false);
                return Message(inner, $"{place}.{key}", Role(message, place));
            }
        }

        return Message(message, place, Role(message, place));
    }

    ChatMessage Message(JsonElement message, string place, string role)
    {
        string key = ((string[])["content", "parts", "value"]).FirstOrDefault(each => message.TryGetProperty(each, out _)) ?? "content";
        var parts = new List<ContentPart>();
        AddMedia(message, place, parts);
        bool hasMedia = parts.Count > 0;
        ToolCall[] calls = [.. Calls(message, place)];
        bool isAbsent = !Has(message, key, out JsonElement content);
        if (isAbsent && role == ChatMessage.AssistantRole && OptionalString(message, "refusal") is string refusal)
        {
            return new ChatMessage(role, refusal);
        }

        if (isAbsent && !hasMedia && calls.Length == 0)
        {
            throw message.TryGetProperty(key, out JsonElement nothing) ? Refuse($"{place}.{key}", nothing, "a string or a list of parts")
                : new ChatMessageException($"{name}: {place}.{key} is absent; a string or a list of parts is needed.");
        }

        string[] read = [key, "role", "from", "images", "audios", "videos", "tool_calls", "function_call", "tool_call_id"];
        RequireRead(message, place, read, isStrict: false);
        if (role is ChatMessage.ToolRole or "function" && !isAbsent && Id(message) is string id)
        {
            return new ChatMessage(ChatMessage.ToolRole, [new ToolResultPart(id, OptionalString(message, "name"), ResultText(content, $"{place}.{key}"))]);
        }

        if (!isAbsent)
        {
            if (!hasMedia && calls.Length == 0 && content.ValueKind == JsonValueKind.String)
            {
                return new ChatMessage(role, content.GetString()!);
            }

            parts.AddRange(Parts(content, $"{place}.{key}"));
        }

        parts.AddRange(calls.Select(call => new ToolCallPart(call)));
        return new ChatMessage(role, parts);
    }

    string RoleOrUser(JsonElement message, string place) => message.TryGetProperty("role", out _) ? Role(message, place) : ChatMessage.UserRole;

    static string? Id(JsonElement message) => OptionalString(message, "tool_call_id") ?? OptionalString(message, "name");

    string Role(JsonElement message, string place)
    {
        bool isLangChain = !message.TryGetProperty("role", out _) && !message.TryGetProperty("from", out _) && message.TryGetProperty("type", out _);
        string key = isLangChain ? "type" : message.TryGetProperty("from", out _) && !message.TryGetProperty("role", out _) ? "from" : "role";
        if (isLangChain && OptionalString(message, "type") == "constructor" && message.TryGetProperty("id", out JsonElement names)
            && names.ValueKind == JsonValueKind.Array && names.EnumerateArray().LastOrDefault() is { ValueKind: JsonValueKind.String } last)
        {
            return last.GetString() switch
            {
                "HumanMessage" => ChatMessage.UserRole,
                "AIMessage" => ChatMessage.AssistantRole,
                "SystemMessage" => ChatMessage.SystemRole,
                "ToolMessage" => ChatMessage.ToolRole,
                _ => throw Refuse(place + ".id", names, "HumanMessage, AIMessage, SystemMessage or ToolMessage at its end"),
            };
        }

        string role = String(message, key, place);
        if (role.Length == 0)
        {
            throw new ChatMessageException($"{name}: {place}.{key} is empty; \"user\", \"assistant\" or \"system\" is needed.");
        }

        return role switch
        {
            "human" => ChatMessage.UserRole,
            "ai" or "gpt" or "bot" or "chatgpt" => ChatMessage.AssistantRole,
            _ => role,
        };
    }

    /// <summary>Pictures and sounds that stand beside the text, as with Ollama.</summary>
    void AddMedia(JsonElement message, string place, List<ContentPart> parts)
    {
        foreach ((string key, string type) in ((string, string)[])[("images", Image), ("audios", Audio), ("videos", Video)])
        {
            if (Has(message, key, out JsonElement list))
            {
                if (list.ValueKind != JsonValueKind.Array)
                {
                    throw Refuse($"{place}.{key}", list, "a list of files");
                }

                int index = 0;
                foreach (JsonElement file in list.EnumerateArray())
                {
                    parts.Add(Of(type, Source(file, type, $"{place}.{key}[{index++}]")));
                }
            }
        }
    }

    List<ContentPart> Parts(JsonElement content, string place)
    {
        switch (content.ValueKind)
        {
            case JsonValueKind.String:
                return [new TextPart(content.GetString()!)];
            case JsonValueKind.Object:
                return [.. Part(content, place)];
            case JsonValueKind.Array:
                var parts = new List<ContentPart>();
                int index = 0;
                foreach (JsonElement part in content.EnumerateArray())
                {
                    string at = $"{place}[{index++}]";
                    if (part.ValueKind == JsonValueKind.String)
                    {
                        parts.Add(new TextPart(part.GetString()!));
                    }
                    else
                    {
                        parts.AddRange(Part(part, at));
                    }
                }

                return parts;
            default:
                throw Refuse(place, content, "a string or a list of parts");
        }
    }

    /// <summary>A part; none where it is what a model thought, which is no part of what it said.</summary>
    IEnumerable<ContentPart> Part(JsonElement part, string place)
    {
        if (part.ValueKind != JsonValueKind.Object)
        {
            throw Refuse(place, part, "an object with a type");
        }

        string? type = part.TryGetProperty("type", out _) ? String(part, "type", place) : TypeOf(part);
        switch (type)
        {
            case Text or "input_text" or "output_text":
                string key = !part.TryGetProperty(Text, out _) && part.TryGetProperty("content", out _) ? "content" : Text;
                RequireRead(part, place, [key], isStrict: true);
                return [new TextPart(String(part, key, place))];
            case Image or "image_url" or "input_image":
                return [Of(Image, Source(part, Image, place, [Image, "image_url"]))];
            case Audio or "audio_url" or "input_audio":
                return [Of(Audio, Source(part, Audio, place, [Audio, "input_audio", "audio_url"]))];
            case Video or "video_url" or "input_video":
                return [Of(Video, Source(part, Video, place, [Video, "video_url", "input_video"]))];
            case "file" or "input_file" or "document" or "media" or "inlineData" or "inline_data" or "fileData" or "file_data":
                return [File(part, place)];
            case "tool_use":
                RequireRead(part, place, ["id", "name", "input"], isStrict: true);
                return [new ToolCallPart(new ToolCall(String(part, "id", place), String(part, "name", place), Raw(part, "input", place)))];
            case "tool_result":
                RequireRead(part, place, ["tool_use_id", "content", "is_error"], isStrict: true);
                string result = Has(part, "content", out JsonElement said) ? ResultText(said, place + ".content") : "";
                return [new ToolResultPart(String(part, "tool_use_id", place), null, result)];
            case "thinking" or "redacted_thinking" or "reasoning":
                return [];
            case null:
                throw new ChatMessageException($"{name}: {place}.type is absent; a string is needed.");
            default:
                throw Refuse(place + ".type", part.GetProperty("type"), "one of text, image, audio and video");
        }
    }

    /// <summary>What a part is that does not say it, as Gemini's do not.</summary>
    static string? TypeOf(JsonElement part) => ((string[])[Text, "inlineData", "inline_data", "fileData", "file_data"])
        .FirstOrDefault(key => part.TryGetProperty(key, out _));

    /// <summary>A file whose kind its media type tells.</summary>
    ContentPart File(JsonElement part, string place)
    {
        JsonElement holder = part;
        foreach (string key in (string[])["file", "inlineData", "inline_data", "fileData", "source"])
        {
            if (Has(part, key, out JsonElement inner) && inner.ValueKind == JsonValueKind.Object)
            {
                RequireRead(part, place, [key], isStrict: true);
                (holder, place) = (inner, $"{place}.{key}");
                break;
            }
        }

        string[] keys = ["file_data", "data", "fileUri", "file_uri", "url", "file", "path"];
        string from = keys.FirstOrDefault(each => holder.TryGetProperty(each, out JsonElement value) && value.ValueKind == JsonValueKind.String)
            ?? throw new ChatMessageException($"{name}: {place} has no file_data; give the file itself as a data: address, or its path.");
        RequireRead(holder, place, [from], isStrict: true);
        string source = holder.GetProperty(from).GetString()!;
        string? media = OptionalString(holder, "mimeType") ?? OptionalString(holder, "mime_type") ?? OptionalString(holder, "mediaType")
            ?? OptionalString(holder, "media_type");
        if (source.StartsWith("data:", StringComparison.OrdinalIgnoreCase))
        {
            media = source[5..Math.Min(source.Length, 100)].Split(';', ',')[0];
        }
        else if (from is "data" or "file_data")
        {
            source = $"data:{media};base64,{source}";
        }

        string? type = ((string[])[Image, Audio, Video]).FirstOrDefault(kind => media?.StartsWith(kind + "/", StringComparison.OrdinalIgnoreCase) == true);
        return type is not null ? Of(type, Located(source, $"{place}.{from}"))
            : throw new ChatMessageException($"{name}: {place}.{from} is of the media type {Shown(media)}; a picture, sound or video is needed.");
    }

    static ContentPart Of(string type, string source) => type switch
    {
        Image => new ImagePart(null, source),
        Audio => new AudioPart(null, source),
        _ => new VideoPart(null, null, source),
    };

    /// <summary>Where a part has its file: under one of its own names, or as "url", "path", "base64", "data" or Anthropic's "source".</summary>
    string Source(JsonElement part, string type, string place, string[] names)
    {
        string[] keys = [.. names, "url", "path", "base64", "data", "source", "bytes"];
        string? key = null;
        foreach (string each in keys)
        {
            if (Has(part, each, out _))
            {
                key = key is null ? each
                    : throw new ChatMessageException($"{name}: {place} has {key} and {each}; leave out one of them.");
            }
        }

        if (key is null)
        {
            throw part.TryGetProperty(names[0], out JsonElement nothing) ? Refuse($"{place}.{names[0]}", nothing, "a string")
                : new ChatMessageException($"{name}: {place}.{names[0]} is absent; a string is needed.");
        }

        RequireRead(part, place, [key], isStrict: true);
        JsonElement value = part.GetProperty(key);
        string at = $"{place}.{key}";
        if (key is "base64" or "data" or "bytes" && value.ValueKind == JsonValueKind.String)
        {
            return Embedded(value.GetString()!, at);
        }

        return Source(value, type, at);
    }

    /// <summary>A file: its path or address, or an object with one of these or the file itself.</summary>
    string Source(JsonElement value, string type, string place)
    {
        if (value.ValueKind == JsonValueKind.Object)
        {
            string key = ((string[])["url", "path", "uri", "data", "base64", "bytes"]).FirstOrDefault(each => Has(value, each, out _))
                ?? throw new ChatMessageException($"{name}: {place} has no url, path or data; give the {type} in one of them.");
            RequireRead(value, place, [key], isStrict: true);
            string inner = String(value, key, place);
            return key is "data" or "base64" or "bytes" ? Embedded(inner, $"{place}.{key}") : Located(inner, $"{place}.{key}");
        }

        if (value.ValueKind != JsonValueKind.String)
        {
            throw Refuse(place, value, "a string");
        }

        string source = value.GetString()!;
        return IsEmbedded(source) ? Embedded(source, place) : Located(source, place);
    }

    bool IsEmbedded(string source) => source.Length >= LeastBase64 && !source.AsSpan().ContainsAnyExcept(s_base64)
        && !System.IO.File.Exists(Path.GetFullPath(source, folder));

    string Embedded(string base64, string place) =>
        base64.StartsWith("data:", StringComparison.OrdinalIgnoreCase) ? base64
        : base64.Length > 0 && Base64.IsValid(base64.Replace('-', '+').Replace('_', '/').TrimEnd('=').PadRight((base64.TrimEnd('=').Length + 3) / 4 * 4, '='))
            ? "data:;base64," + base64
            : throw new ChatMessageException($"{name}: {place} is no base64; give the file itself in base64, or its path under \"path\".");

    string Located(string source, string place)
    {
        if (source.Length == 0)
        {
            throw new ChatMessageException($"{name}: {place} is empty; the path of a file is needed.");
        }

        if (ConversationFile.IsAddress(source))
        {
            return source;
        }

        if (source.StartsWith("file:", StringComparison.OrdinalIgnoreCase))
        {
            source = Uri.TryCreate(source, UriKind.Absolute, out Uri? address) && address.IsFile && address.Host is "" or "localhost"
                ? Uri.UnescapeDataString(address.AbsolutePath)
                : throw new ChatMessageException($"{name}: {place} is {Shown(source)}; an address such as file:///folder/file, or a path, is needed.");
            source = OperatingSystem.IsWindows() ? source.TrimStart('/') : source;
        }

        return source.Contains('\0', StringComparison.Ordinal)
            ? throw new ChatMessageException($"{name}: {place} is {Shown(source)}; the path of a file, which has no NUL, is needed.")
            : Path.GetFullPath(source, folder);
    }

    List<ToolCall> Calls(JsonElement message, string place)
    {
        var calls = new List<ToolCall>();
        if (Has(message, "tool_calls", out JsonElement list))
        {
            if (list.ValueKind != JsonValueKind.Array)
            {
                throw Refuse(place + ".tool_calls", list, "a list of calls");
            }

            foreach (JsonElement call in list.EnumerateArray())
            {
                string at = $"{place}.tool_calls[{calls.Count}]";
                JsonElement function = call.ValueKind == JsonValueKind.Object && Has(call, "function", out JsonElement inner) ? inner : call;
                calls.Add(Call(function, OptionalString(call, "id"), at, calls.Count));
            }
        }

        if (Has(message, "function_call", out JsonElement only))
        {
            calls.Add(Call(only, null, place + ".function_call", calls.Count));
        }

        return calls;
    }

    ToolCall Call(JsonElement function, string? id, string place, int index)
    {
        if (function.ValueKind != JsonValueKind.Object)
        {
            throw Refuse(place, function, "an object with a name and arguments");
        }

        string called = String(function, "name", place);
        string key = function.TryGetProperty("args", out _) ? "args" : "arguments";
        string arguments = !Has(function, key, out JsonElement value) ? "{}"
            : value.ValueKind == JsonValueKind.String ? value.GetString()!
            : value.GetRawText();
        return new ToolCall(id ?? FormattableString.Invariant($"call_{called}_{index}"), called, arguments);
    }

    /// <summary>What a tool gave: a text, the texts of parts, or any JSON as it stands.</summary>
    string ResultText(JsonElement content, string place)
    {
        if (content.ValueKind == JsonValueKind.String)
        {
            return content.GetString()!;
        }

        if (content.ValueKind != JsonValueKind.Array)
        {
            return content.GetRawText();
        }

        List<ContentPart> parts = Parts(content, place);
        return parts.TrueForAll(part => part is TextPart) ? string.Join('\n', parts.OfType<TextPart>().Select(part => part.Text))
            : throw new ChatMessageException(
                $"{name}: {place} has a picture, sound or video, and the result of a call is text; give it in a message of the user.");
    }

    /// <summary>Refuses what would be lost: under names that are not read and are no remark, lists and objects, in parts texts as well.</summary>
    void RequireRead(JsonElement parent, string place, ReadOnlySpan<string> read, bool isStrict)
    {
        foreach (JsonProperty property in parent.EnumerateObject())
        {
            bool carries = property.Value.ValueKind switch
            {
                JsonValueKind.Object => property.Value.EnumerateObject().Any(),
                JsonValueKind.Array => property.Value.GetArrayLength() > 0,
                JsonValueKind.String => (isStrict || s_carriers.Contains(property.Name)) && property.Value.GetString()!.Length > 0,
                _ => false,
            };
            if (carries && !read.Contains(property.Name) && !s_remarks.Contains(property.Name))
            {
                string key = Cut(JsonEncodedText.Encode(property.Name).ToString());
                throw new ChatMessageException(
                    $"{name}: {place}.{key} is not read here, and what it says would be lost; make it a part of the content, or take it out.");
            }
        }
    }

    /// <summary>Names under which programs keep what was shown or said beside the text.</summary>
    static readonly HashSet<string> s_carriers = new(StringComparer.Ordinal)
    {
        Text, Image, Audio, Video, "content", "value", "prompt", "parts", "image_url", "input_audio", "file", "files", "media", "attachment",
        "attachments", "document", "documents", "url", "path", "data", "base64", "transcript",
    };

    static bool Has(JsonElement parent, string key, out JsonElement value) =>
        parent.TryGetProperty(key, out value) && value.ValueKind is not (JsonValueKind.Null or JsonValueKind.Undefined);

    string Raw(JsonElement parent, string key, string place) => Has(parent, key, out JsonElement value) ? value.GetRawText()
        : throw new ChatMessageException($"{name}: {place}.{key} is absent; an object is needed.");

    static string? OptionalString(JsonElement parent, string key) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.String
        && value.GetString() is { Length: > 0 } text ? text : null;

    string String(JsonElement parent, string key, string place) =>
        !parent.TryGetProperty(key, out JsonElement value)
            ? throw new ChatMessageException($"{name}: {place}.{key} is absent; a string is needed.")
            : value.ValueKind == JsonValueKind.String
                ? value.GetString()!
                : throw Refuse($"{place}.{key}", value, "a string");

    // As the file spells it, so that what controls a terminal stays escaped.
    ChatMessageException Refuse(string place, JsonElement found, string needed) =>
        new($"{name}: {place} is {Cut(found.GetRawText())}; {needed} is needed.");

    static string Shown(string? text) => text is null ? "unknown" : Cut($"\"{JsonEncodedText.Encode(text)}\"");

    static string Cut(string text) => text.Length <= 40 ? text : text[..37] + "...";
}
