using System.Text.Json;
using GemmaSharp.Server.Http;
using GemmaSharp.Server.Requests;

namespace GemmaSharp.Server.OpenAI;

/// <summary>The messages of a chat completion. In which order roles come is none of its business: the model's normaliser takes all.</summary>
static class ChatMessageReader
{
    /// <summary>Reads them, media and all.</summary>
    /// <param name="body">The request.</param>
    /// <param name="content">Reads what messages say.</param>
    public static async Task<IReadOnlyList<ChatMessage>> ReadAsync(Fields body, ContentReader content)
    {
        var messages = new List<ChatMessage>();
        foreach ((JsonElement element, string path) in body.List("messages", ContentReader.MostMessages))
        {
            messages.Add(await OneAsync(Fields.Of(element, path), content).ConfigureAwait(false));
        }

        return messages.Count > 0 ? messages : throw ApiException.Missing("messages", "a list of at least one message");
    }

    static Task<ChatMessage> OneAsync(Fields message, ContentReader content)
    {
        RequireNothingBeside(message);
        string path = message.PathOf("content");
        JsonElement? said = message.TryGet("content", out JsonElement value) ? value : null;
        switch (message.RequiredText("role").ToLowerInvariant())
        {
            case "system" or "developer":
                return content.MessageAsync(ChatMessage.SystemRole, said, path);
            case "user":
                return content.MessageAsync(ChatMessage.UserRole, said, path);
            case "assistant" or "model":
                return content.MessageAsync(ChatMessage.AssistantRole, said, path, [.. Calls(message)]);
            case "tool" or "function":
                return ResultAsync(message, said, content);
            default:
                string role = message.RequiredText("role");
                throw ApiException.Invalid(
                    message.PathOf("role"),
                    $"{message.PathOf("role")} is {Strangers.Shown(role)}; it must be system, developer, user, assistant or tool.");
        }
    }

    /// <summary>Keys under which other programs put files beside the content. What they say must not be lost without a word.</summary>
    static void RequireNothingBeside(Fields message)
    {
        foreach (string key in (string[])[
            "images", "image", "audios", "videos", "video", "files", "file", "attachments", "experimental_attachments", "documents", "images_data", "media",
            "extra", "parts"])
        {
            bool carries = message.TryGet(key, out JsonElement value) && value.ValueKind switch
            {
                JsonValueKind.Array => value.GetArrayLength() > 0,
                JsonValueKind.Object => value.EnumerateObject().Any(),
                JsonValueKind.String => value.GetString()!.Length > 0,
                _ => false,
            };
            if (carries)
            {
                throw ApiException.Invalid(
                    message.PathOf(key), $"{message.PathOf(key)} is not read here, and what it says would be lost; make it a part of the content.");
            }
        }
    }

    /// <summary>The calls that an answer consists of.</summary>
    static IEnumerable<ContentPart> Calls(Fields message)
    {
        foreach ((JsonElement element, string path) in message.List("tool_calls", ToolOptions.MostTools))
        {
            Fields call = Fields.Of(element, path);
            Fields function = call.Object("function") ?? throw ApiException.Missing(call.PathOf("function"), "an object with name and arguments");
            string name = function.RequiredText("name");
            yield return new ToolCallPart(new ToolCall(call.Name("id") ?? name, name, Arguments(function)));
        }

        if (message.Object("function_call") is Fields legacy)
        {
            // Before calls had ids, the result said the function's name.
            string name = legacy.RequiredText("name");
            yield return new ToolCallPart(new ToolCall(name, name, Arguments(legacy)));
        }
    }

    /// <summary>A call's arguments: JSON as text, or the object itself, as some send it.</summary>
    public static string Arguments(Fields function)
    {
        if (!function.TryGet("arguments", out JsonElement arguments))
        {
            return "{}";
        }

        return arguments.ValueKind switch
        {
            JsonValueKind.Object => arguments.GetRawText(),
            JsonValueKind.String => function.Text("arguments") is { Length: > 0 } text && !string.IsNullOrWhiteSpace(text) ? text : "{}",
            _ => throw function.Wrong("arguments", arguments, "JSON as text"),
        };
    }

    static async Task<ChatMessage> ResultAsync(Fields message, JsonElement? said, ContentReader content)
    {
        List<ContentPart> parts = await content.PartsAsync(said, message.PathOf("content")).ConfigureAwait(false);
        string? name = message.Name("name");
        string id = message.Name("tool_call_id") ?? name
            ?? throw ApiException.Missing(message.PathOf("tool_call_id"), "the id of the call it is the result of");
        string text = string.Concat(parts.OfType<TextPart>().Select(part => part.Text));
        return new ChatMessage(ChatMessage.ToolRole, [new ToolResultPart(id, name, text), .. parts.Where(part => part is not TextPart)]);
    }
}
