using System.Text.Json;
using GemmaSharp.Server.Http;
using GemmaSharp.Server.Requests;

namespace GemmaSharp.Server.OpenAI.Responses;

/// <summary>The input of a response: a text, or items, which are messages, calls and results.</summary>
static class InputReader
{
    /// <summary>The items of a request, with a text as the message that it stands for, and with what is kept here in place of its id.</summary>
    /// <param name="body">The request.</param>
    /// <param name="kept">The item of an id, where the server keeps it.</param>
    public static IReadOnlyList<JsonElement> Items(Fields body, Func<string, JsonElement?> kept)
    {
        if (!body.TryGet("input", out JsonElement input))
        {
            throw ApiException.Missing("input", "a text or a list of items");
        }

        if (input.ValueKind == JsonValueKind.String)
        {
            string text = body.Text("input")!;
            return [Written(json =>
            {
                json.WriteStartObject();
                json.WriteString("type", "message");
                json.WriteString("role", "user");
                json.WriteString("content", text);
                json.WriteEndObject();
            })];
        }

        return [.. body.List("input", ContentReader.MostMessages).Select(each => Resolved(Fields.Of(each.Element, each.Path), kept))];
    }

    /// <summary>Items as messages. Calls that follow each other are one answer's.</summary>
    /// <param name="items">The items.</param>
    /// <param name="path">Where they are in the request.</param>
    /// <param name="content">Reads what messages say.</param>
    /// <param name="passedOver">Told the types of items that are left out.</param>
    public static async Task<List<ChatMessage>> MessagesAsync(IReadOnlyList<JsonElement> items, string path, ContentReader content, Action<string> passedOver)
    {
        var messages = new List<ChatMessage>();
        for (int i = 0; i < items.Count; i++)
        {
            await AddAsync(messages, Fields.Of(items[i], FormattableString.Invariant($"{path}[{i}]")), content, passedOver).ConfigureAwait(false);
        }

        return messages;
    }

    /// <summary>An item as it is kept: with an id by which it can be named, and a message's text as a part.</summary>
    public static JsonElement Kept(JsonElement item) => Written(json =>
    {
        bool isMessage = Type(item) is "message";
        json.WriteStartObject();
        json.WriteString("id", IdOf(item) ?? AnswerParts.NewId(isMessage ? "msg_" : "item_"));
        json.WriteString("type", Type(item));
        foreach (JsonProperty property in item.EnumerateObject().Where(property => property.Name is not ("id" or "type")))
        {
            if (isMessage && property is { Name: "content", Value.ValueKind: JsonValueKind.String })
            {
                json.WriteStartArray("content");
                json.WriteStartObject();
                json.WriteString("type", IsOfAssistant(item) ? "output_text" : "input_text");
                json.WriteString("text", property.Value.GetString());
                json.WriteEndObject();
                json.WriteEndArray();
            }
            else
            {
                property.WriteTo(json);
            }
        }

        json.WriteEndObject();
    });

    /// <summary>An item's id; null for none.</summary>
    public static string? IdOf(JsonElement item) =>
        item.TryGetProperty("id", out JsonElement id) && id.ValueKind == JsonValueKind.String
            && id.GetString() is { Length: > 0 and <= 256 } text ? text : null;

    // Items are kept before they are read, which is where one without a role is refused.
    static bool IsOfAssistant(JsonElement item) =>
        item.TryGetProperty("role", out JsonElement role) && role.ValueKind == JsonValueKind.String && role.ValueEquals("assistant");

    static string Type(JsonElement item) =>
        item.TryGetProperty("type", out JsonElement type) && type.ValueKind == JsonValueKind.String ? type.GetString()! : "message";

    static JsonElement Resolved(Fields item, Func<string, JsonElement?> kept)
    {
        if (item.Text("type") != "item_reference" && (item.Has("type") || item.Has("role") || !item.Has("id")))
        {
            return item.Element;
        }

        string id = item.Name("id") ?? throw ApiException.Missing(item.PathOf("id"), "the id of an item");
        return kept(id) ?? throw ApiException.Invalid(
            item.PathOf("id"),
            $"{item.PathOf("id")} is {id}, which is not kept here; send the item itself, as clients do when store is false, or start the server with --store.");
    }

    static async Task AddAsync(List<ChatMessage> messages, Fields item, ContentReader content, Action<string> passedOver)
    {
        switch (item.Text("type"))
        {
            case null or "message":
                JsonElement? said = item.TryGet("content", out JsonElement value) ? value : null;
                messages.Add(await content.MessageAsync(Role(item), said, item.PathOf("content")).ConfigureAwait(false));
                break;
            case "function_call":
                AddPart(messages, ChatMessage.AssistantRole, Call(item, ChatMessageReader.Arguments(item)));
                break;
            case "custom_tool_call":
                // A call in words of the model's own, made by another model: here it is one of a function with one argument.
                string input = item.Text("input") ?? "";
                AddPart(messages, ChatMessage.AssistantRole, Call(item, Written(json =>
                {
                    json.WriteStartObject();
                    json.WriteString("input", input);
                    json.WriteEndObject();
                }).GetRawText()));
                break;
            case "function_call_output" or "custom_tool_call_output":
                string id = item.Name("call_id") ?? throw ApiException.Missing(item.PathOf("call_id"), "the id of the call it is the result of");
                List<ContentPart> parts = await content.PartsAsync(item.TryGet("output", out JsonElement output) ? output : null, item.PathOf("output"))
                    .ConfigureAwait(false);
                string text = string.Concat(parts.OfType<TextPart>().Select(part => part.Text));
                messages.Add(new ChatMessage(ChatMessage.ToolRole, [new ToolResultPart(id, null, text), .. parts.Where(part => part is not TextPart)]));
                break;
            case "reasoning" or "compaction":
                // What was thought is no part of what was said.
                break;
            case "web_search_call" or "file_search_call" or "image_generation_call" or "code_interpreter_call"
                or "computer_call" or "computer_call_output" or "local_shell_call" or "local_shell_call_output" or "shell_call" or "shell_call_output"
                or "apply_patch_call" or "apply_patch_call_output" or "tool_search_call" or "tool_search_output"
                or "mcp_list_tools" or "mcp_approval_request" or "mcp_approval_response" or "mcp_call":
                // Done elsewhere, by a model with other tools.
                passedOver(item.Text("type")!);
                break;
            default:
                throw ApiException.Unsupported(
                    item.PathOf("type"),
                    $"{item.PathOf("type")} is {Fields.Shown(item.Element.GetProperty("type"))}; "
                    + "message, function_call, function_call_output, item_reference and reasoning are taken.");
        }
    }

    static ToolCallPart Call(Fields item, string arguments) => new(new ToolCall(
        item.Name("call_id") ?? throw ApiException.Missing(item.PathOf("call_id"), "the id of the call"), item.RequiredText("name"), arguments));

    static void AddPart(List<ChatMessage> messages, string role, ContentPart part)
    {
        if (messages.Count > 0 && messages[^1].Role == role)
        {
            messages[^1] = new ChatMessage(role, [.. messages[^1].Parts, part]);
        }
        else
        {
            messages.Add(new ChatMessage(role, [part]));
        }
    }

    static string Role(Fields item) => item.RequiredText("role") switch
    {
        "system" or "developer" => ChatMessage.SystemRole,
        "user" => ChatMessage.UserRole,
        "assistant" => ChatMessage.AssistantRole,
        _ => throw ApiException.Invalid(
            item.PathOf("role"),
            $"{item.PathOf("role")} is {Fields.Shown(item.Element.GetProperty("role"))}; it must be system, developer, user or assistant."),
    };

    internal static JsonElement Written(Action<Utf8JsonWriter> write)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, WireJson.WriterOptions))
        {
            write(json);
        }

        using JsonDocument document = JsonDocument.Parse(buffer.GetBuffer().AsMemory(0, (int)buffer.Length));
        return document.RootElement.Clone();
    }
}
