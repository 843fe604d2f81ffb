using System.Text.Json;
using GemmaSharp.Server.Http;
using GemmaSharp.Server.Requests;

namespace GemmaSharp.Server.Anthropic;

/// <summary>Anthropic's messages, whose tools and results are blocks among the others. Used by one request.</summary>
/// <param name="content">Decodes pictures and sound.</param>
sealed class MessageReader(ContentReader content)
{
    /// <summary>Reads system texts and messages.</summary>
    public async Task<IReadOnlyList<ChatMessage>> ReadAsync(Fields body)
    {
        var messages = new List<ChatMessage>();
        if (System(body) is { Length: > 0 } system)
        {
            messages.Add(ChatMessage.System(system));
        }

        foreach ((JsonElement element, string path) in body.List("messages", ContentReader.MostMessages))
        {
            Fields message = Fields.Of(element, path);
            string role = message.RequiredText("role") switch
            {
                "user" => ChatMessage.UserRole,
                "assistant" => ChatMessage.AssistantRole,
                "system" => ChatMessage.SystemRole,
                _ => throw ApiException.Invalid(
                    message.PathOf("role"), $"{message.PathOf("role")} is {Fields.Shown(element.GetProperty("role"))}; it must be user or assistant."),
            };
            await AddAsync(messages, message, role).ConfigureAwait(false);
        }

        return messages.Exists(message => message.Role != ChatMessage.SystemRole) ? messages
            : throw ApiException.Missing("messages", "a list of at least one message");
    }

    /// <summary>The instructions: a text, or blocks of text, whose marks for the cache say nothing here, since everything is kept anyway.</summary>
    static string? System(Fields body) => !body.TryGet("system", out JsonElement system) ? null
        : system.ValueKind == JsonValueKind.String ? body.Text("system")
        : string.Join("\n\n", body.List("system", ContentReader.MostParts).Select(each => Fields.Of(each.Element, each.Path).RequiredText("text")));

    /// <summary>Adds a message; results of tools become one of their own before what the user says beside them.</summary>
    async Task AddAsync(List<ChatMessage> messages, Fields message, string role)
    {
        if (!message.TryGet("content", out JsonElement said))
        {
            throw ApiException.Missing(message.PathOf("content"), "a text or a list of blocks");
        }

        if (said.ValueKind == JsonValueKind.String)
        {
            messages.Add(new ChatMessage(role, message.Text("content")!));
            return;
        }

        var results = new List<ContentPart>();
        var parts = new List<ContentPart>();
        foreach ((JsonElement element, string path) in message.List("content", ContentReader.MostParts))
        {
            Fields block = Fields.Of(element, path);
            RequireSpeaker(block, role);
            bool isResult = block.Text("type") == "tool_result";
            (isResult ? results : parts).AddRange(await (isResult ? ResultAsync(block) : BlockAsync(block)).ConfigureAwait(false));
        }

        if (results.Count > 0)
        {
            messages.Add(new ChatMessage(ChatMessage.ToolRole, results));
        }

        if (parts.Count > 0 || results.Count == 0)
        {
            messages.Add(parts.Count > 0 ? new ChatMessage(role, parts) : new ChatMessage(role, ""));
        }
    }

    static void RequireSpeaker(Fields block, string role)
    {
        string needed = block.RequiredText("type") switch
        {
            "tool_use" => ChatMessage.AssistantRole,
            "tool_result" or "image" or "document" or "search_result" => ChatMessage.UserRole,
            _ => role,
        };
        if (needed != role)
        {
            throw ApiException.Invalid(
                block.PathOf("type"),
                $"{block.PathOf("type")} is {block.Text("type")} in a message of the role {role}; it must be in one of the role {needed}.");
        }
    }

    /// <summary>What a block becomes; nothing, where it is no part of what was said.</summary>
    async Task<IEnumerable<ContentPart>> BlockAsync(Fields block)
    {
        switch (block.RequiredText("type"))
        {
            case "text":
                return [new TextPart(block.RequiredText("text"))];
            case "image":
                return await SourceAsync(block).ConfigureAwait(false);
            case "document":
                return [.. Texts(block, "title", "context"), .. await SourceAsync(block).ConfigureAwait(false)];
            case "search_result":
                return [.. Texts(block, "title", "source"), .. await BlocksAsync(block, "content").ConfigureAwait(false)];
            case "tool_use":
                return [new ToolCallPart(new ToolCall(Required(block, "id", "the id of the call"), block.RequiredText("name"), Input(block)))];
            case "thinking" or "redacted_thinking" or "server_tool_use" or "mcp_tool_use" or "container_upload":
                return [];
            case string other when other.EndsWith("_tool_result", StringComparison.Ordinal):
                // Of tools that Anthropic's own servers run; what they found, the answer after them says.
                return [];
            default:
                throw ApiException.Unsupported(
                    block.PathOf("type"),
                    $"{block.PathOf("type")} is {Fields.Shown(block.Element.GetProperty("type"))}; text, image, document, tool_use and tool_result are taken.");
        }
    }

    async Task<IEnumerable<ContentPart>> SourceAsync(Fields block)
    {
        Fields source = block.Object("source") ?? throw ApiException.Missing(block.PathOf("source"), "an object with type and data");
        switch (source.RequiredText("type"))
        {
            case "base64":
                bool mayBeText = block.Text("type") == "document";
                return [await content.MediaAsync(source.RequiredText("data"), source.PathOf("data"), mayBeText: mayBeText).ConfigureAwait(false)];
            case "url":
                return [await content.MediaAsync(source.RequiredText("url"), source.PathOf("url")).ConfigureAwait(false)];
            case "text":
                return [new TextPart(source.RequiredText("data"))];
            case "content":
                return await BlocksAsync(source, "content").ConfigureAwait(false);
            default:
                throw ApiException.Unsupported(
                    source.PathOf("type"),
                    $"{source.PathOf("type")} is {Fields.Shown(source.Element.GetProperty("type"))}; base64, url, text and content are taken, "
                    + "and files are not stored here.");
        }
    }

    /// <summary>The result of a call, and the pictures that came with it after that.</summary>
    async Task<IEnumerable<ContentPart>> ResultAsync(Fields block)
    {
        string id = Required(block, "tool_use_id", "the id of the call it is the result of");
        ContentPart[] parts = [.. await BlocksAsync(block, "content").ConfigureAwait(false)];
        string text = string.Join('\n', parts.OfType<TextPart>().Select(part => part.Text));
        return [new ToolResultPart(id, null, block.Flag("is_error") == true ? "Error: " + text : text), .. parts.Where(part => part is not TextPart)];
    }

    /// <summary>Content inside a block: a text, blocks, or nothing.</summary>
    async Task<IEnumerable<ContentPart>> BlocksAsync(Fields holder, string name)
    {
        if (holder.TryGet(name, out JsonElement said) && said.ValueKind == JsonValueKind.String)
        {
            return [new TextPart(holder.Text(name)!)];
        }

        var parts = new List<ContentPart>();
        foreach ((JsonElement element, string path) in holder.List(name, ContentReader.MostParts))
        {
            Fields block = Fields.Of(element, path);
            if (block.RequiredText("type") is "tool_use" or "tool_result")
            {
                throw ApiException.Invalid(block.PathOf("type"), $"{block.PathOf("type")} is {block.Text("type")}, which cannot be inside another block.");
            }

            parts.AddRange(await BlockAsync(block).ConfigureAwait(false));
        }

        return parts;
    }

    static IEnumerable<TextPart> Texts(Fields block, params IEnumerable<string> names) =>
        names.Select(block.Text).Where(text => text is { Length: > 0 }).Select(text => new TextPart(text! + "\n"));

    static string Required(Fields block, string name, string what) =>
        block.Name(name) is { Length: > 0 } text ? text : throw ApiException.Missing(block.PathOf(name), what);

    static string Input(Fields block) => block.Object("input") is Fields input ? input.Element.GetRawText() : "{}";
}
