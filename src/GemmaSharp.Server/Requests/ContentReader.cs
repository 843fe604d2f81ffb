using System.Text.Json;
using GemmaSharp.Server.Http;

namespace GemmaSharp.Server.Requests;

/// <summary>The content of the messages of one request, in the spellings of OpenAI's two interfaces and of those who added to them.</summary>
/// <param name="media">Decodes what is not text.</param>
/// <param name="model">Who looks at it.</param>
/// <param name="cancellationToken">Ends waiting.</param>
sealed class ContentReader(MediaDoor media, GemmaModel model, CancellationToken cancellationToken)
{
    /// <summary>The most messages of a request.</summary>
    public const int MostMessages = 2048;

    /// <summary>The most parts of a message.</summary>
    public const int MostParts = 256;

    /// <summary>The most pictures, clips and videos of a request.</summary>
    public const int MostMedia = 16;

    int _media;

    /// <summary>Reads a message's content.</summary>
    /// <param name="role">Who speaks.</param>
    /// <param name="content">A text, a list of parts, or nothing.</param>
    /// <param name="path">Where it is in the request.</param>
    /// <param name="others">Parts that stand elsewhere in the message, put after its own.</param>
    public async Task<ChatMessage> MessageAsync(string role, JsonElement? content, string path, params IReadOnlyList<ContentPart> others)
    {
        if (content is { ValueKind: JsonValueKind.String } && others.Count == 0)
        {
            return new ChatMessage(role, Text(content.Value, path));
        }

        List<ContentPart> parts = await PartsAsync(content, path).ConfigureAwait(false);
        parts.AddRange(others);
        return parts.Count == 0 ? new ChatMessage(role, "") : new ChatMessage(role, parts);
    }

    /// <summary>Reads content as parts.</summary>
    /// <param name="content">A text, a list of parts, or nothing.</param>
    /// <param name="path">Where it is in the request.</param>
    public async Task<List<ContentPart>> PartsAsync(JsonElement? content, string path)
    {
        var parts = new List<ContentPart>();
        switch (content?.ValueKind)
        {
            case null or JsonValueKind.Null:
                break;
            case JsonValueKind.String:
                parts.Add(new TextPart(Text(content.Value, path)));
                break;
            case JsonValueKind.Array:
                int count = content.Value.GetArrayLength(), index = 0;
                if (count > MostParts)
                {
                    throw ApiException.Invalid(path, FormattableString.Invariant($"{path} has {count} parts; at most {MostParts} are taken."));
                }

                foreach (JsonElement part in content.Value.EnumerateArray())
                {
                    string at = FormattableString.Invariant($"{path}[{index++}]");
                    if (part.ValueKind == JsonValueKind.String)
                    {
                        parts.Add(new TextPart(Text(part, at)));
                    }
                    else if (await PartAsync(Fields.Of(part, at)).ConfigureAwait(false) is ContentPart read)
                    {
                        parts.Add(read);
                    }
                }

                break;
            default:
                throw ApiException.Invalid(path, $"{path} is {Fields.Kind(content.Value)}; it must be a text or a list of parts.");
        }

        return parts;
    }

    /// <summary>Decodes a picture, sound or video.</summary>
    /// <inheritdoc cref="MediaDoor.ReadAsync" path="/param"/>
    public Task<ContentPart> MediaAsync(string source, string path, int? side = null, bool mayBeText = false) => ++_media <= MostMedia
        ? media.ReadAsync(model, source, path, side, mayBeText, cancellationToken)
        : throw ApiException.Invalid(path, $"{path} is the {MostMedia + 1}th picture, sound or video of the request; at most {MostMedia} are taken.");

    async Task<ContentPart?> PartAsync(Fields part)
    {
        switch (part.Text("type"))
        {
            case "text" or "input_text" or "output_text":
                return new TextPart(part.RequiredText("text"));
            case null when part.Has("text"):
                return new TextPart(part.RequiredText("text"));
            case "image_url" or "input_image" or "image":
                (string picture, string at, Fields holder) = Source(part, "image_url", "url", "image", "data");
                return await MediaAsync(picture, at, Side(holder.Has("detail") ? holder : part)).ConfigureAwait(false);
            case "input_audio" or "audio_url" or "audio":
                (string sound, string heard, _) = Source(part, "input_audio", "data", "audio_url", "url");
                return await MediaAsync(sound, heard).ConfigureAwait(false);
            case "video_url" or "input_video" or "video":
                (string video, string seen, _) = Source(part, "video_url", "url", "input_video", "data");
                return await MediaAsync(video, seen).ConfigureAwait(false);
            case "file" or "input_file":
                Fields file = part.Object("file") ?? part;
                return file.Text("file_data") is string data
                    ? await MediaAsync(data, file.PathOf("file_data"), mayBeText: true).ConfigureAwait(false)
                    : throw ApiException.Unsupported(
                        file.PathOf("file_data"), $"{file.PathOf("file_data")} is missing, and files are not stored here; send the file itself.");
            case "refusal" or "thinking" or "redacted_thinking" or "reasoning" or "reasoning_text" or "summary_text":
                // What the model thought is no part of what it said.
                return null;
            case string other:
                throw ApiException.Unsupported(
                    part.PathOf("type"),
                    $"{part.PathOf("type")} is {Strangers.Shown(other)}; text, image_url, input_audio, video_url and file are taken.");
            default:
                throw ApiException.Missing(part.PathOf("type"), "text, image_url, input_audio, video_url or file");
        }
    }

    /// <summary>Where a part has its file: in a field that is an object with it or the text itself, or in the part.</summary>
    static (string Source, string Path, Fields Holder) Source(Fields part, params IReadOnlyList<string> names)
    {
        foreach (string name in names)
        {
            if (part.TryGet(name, out JsonElement value))
            {
                if (value.ValueKind == JsonValueKind.String)
                {
                    return (part.RequiredText(name), part.PathOf(name), part);
                }

                Fields holder = Fields.Of(value, part.PathOf(name));
                foreach (string field in (string[])["url", "data"])
                {
                    if (holder.Text(field) is string source)
                    {
                        return (source, holder.PathOf(field), holder);
                    }
                }

                throw ApiException.Missing(holder.PathOf("url"), "a data: URL or base64");
            }
        }

        throw ApiException.Missing(part.PathOf(names[0]), "a data: URL or base64");
    }

    static int? Side(Fields holder) => holder.Text("detail") switch
    {
        // Some clients cannot leave it out, and what they say then must not change what is seen.
        null or "auto" => null,
        "low" => 256,
        "high" or "original" => 768,
        string other => throw ApiException.Invalid(
            holder.PathOf("detail"), $"{holder.PathOf("detail")} is {Strangers.Shown(other)}; it must be low, auto or high."),
    };

    static string Text(JsonElement element, string path)
    {
        try
        {
            return element.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw ApiException.Invalid(path, $"{path} has half of a surrogate pair, which is no character; send whole ones.");
        }
    }
}
