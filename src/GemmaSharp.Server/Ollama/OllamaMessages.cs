using System.Text.Json;
using GemmaSharp.Server.Http;
using GemmaSharp.Server.OpenAI;
using GemmaSharp.Server.Requests;

namespace GemmaSharp.Server.Ollama;

/// <summary>Messages as <c>/api/chat</c> has them.</summary>
static class OllamaMessages
{
    /// <summary>Reads them, media and all.</summary>
    public static async Task<List<ChatMessage>> ReadAsync(Fields body, ContentReader content)
    {
        var messages = new List<ChatMessage>();

        var calls = new CallList();
        foreach ((JsonElement element, string path) in body.List("messages", ContentReader.MostMessages))
        {
            Fields message = Fields.Of(element, path);
            string role = message.RequiredText("role").ToLowerInvariant();
            JsonElement? said = message.TryGet("content", out JsonElement value) ? value : null;
            switch (role)
            {
                case "tool" or "function":
                    messages.Add(await ResultAsync(message, calls, content).ConfigureAwait(false));
                    break;
                case "assistant" or "model":
                    RequireNoImages(message);
                    ToolCall[] own = [.. Calls(message, messages.Count)];
                    calls.Add(own);
                    messages.Add(await content.MessageAsync(
                        ChatMessage.AssistantRole, said, message.PathOf("content"), [.. own.Select(call => new ToolCallPart(call))]).ConfigureAwait(false));
                    break;
                case "system" or "developer" or "user":
                    string speaker = role == "user" ? ChatMessage.UserRole : ChatMessage.SystemRole;
                    List<ContentPart> parts = [.. await ImagesAsync(message, content).ConfigureAwait(false)];
                    messages.Add(parts.Count == 0
                        ? await content.MessageAsync(speaker, said, message.PathOf("content")).ConfigureAwait(false)
                        : new ChatMessage(speaker, [.. parts, .. await content.PartsAsync(said, message.PathOf("content")).ConfigureAwait(false)]));
                    break;
                default:
                    throw ApiException.Invalid(
                        message.PathOf("role"),
                        $"{message.PathOf("role")} is {Fields.Shown(element.GetProperty("role"))}; it must be system, user, assistant or tool.");
            }
        }

        return messages;
    }

    /// <summary>Pictures, and sounds, which come in the same list.</summary>
    public static async Task<IReadOnlyList<ContentPart>> ImagesAsync(Fields holder, ContentReader content)
    {
        var parts = new List<ContentPart>();
        foreach ((JsonElement element, string path) in holder.List("images", ContentReader.MostMedia))
        {
            parts.Add(element.ValueKind == JsonValueKind.String
                ? await content.MediaAsync(element.GetString()!, path).ConfigureAwait(false)
                : throw ApiException.Invalid(path, $"{path} is {Fields.Kind(element)}; it must be base64."));
        }

        return parts;
    }

    static IEnumerable<ToolCall> Calls(Fields message, int index)
    {
        int number = 0;
        foreach ((JsonElement element, string path) in message.List("tool_calls", ToolOptions.MostTools))
        {
            Fields call = Fields.Of(element, path);
            Fields function = call.Object("function") ?? throw ApiException.Missing(call.PathOf("function"), "an object with name and arguments");
            string id = call.Name("id") is { Length: > 0 } given ? given : FormattableString.Invariant($"call_{index}_{number}");
            number++;
            yield return new ToolCall(id, function.RequiredText("name"), ChatMessageReader.Arguments(function));
        }
    }

    static void RequireNoImages(Fields message)
    {
        if (message.List("images", ContentReader.MostMedia).Any())
        {
            throw ApiException.Unsupported(
                message.PathOf("images"), $"{message.PathOf("images")} are the assistant's, which writes text alone; give them to the user.");
        }
    }

    static async Task<ChatMessage> ResultAsync(Fields message, CallList calls, ContentReader content)
    {
        ToolCall? call = calls.Answered(message.Name("tool_call_id"), message.Name("tool_name") ?? message.Name("name"));
        string result = message.Text("content") ?? "";
        ContentPart first = call is null ? new TextPart(result) : new ToolResultPart(call.Id, call.Name, result);
        return new ChatMessage(ChatMessage.ToolRole, [first, .. await ImagesAsync(message, content).ConfigureAwait(false)]);
    }

    /// <summary>The calls of a conversation, and which of them have results.</summary>
    sealed class CallList
    {
        readonly List<ToolCall> _open = [];
        readonly List<ToolCall> _all = [];

        public void Add(IReadOnlyList<ToolCall> calls)
        {
            _open.AddRange(calls);
            _all.AddRange(calls);
        }

        /// <summary>
        /// The call that a result is of; null where there is none, as when a client has left out the beginning. Calls have ids only since lately; without them
        /// it is the earliest one of its name that has no result yet, and without a name the earliest of all.
        /// </summary>
        public ToolCall? Answered(string? id, string? name)
        {
            Predicate<ToolCall> isIt = id is { Length: > 0 } ? call => call.Id == id : name is { Length: > 0 } ? call => call.Name == name : _ => true;
            ToolCall? call = _open.Find(isIt) ?? (name is { Length: > 0 } ? _open.Find(open => open.Name == name) : null);
            if (call is not null)
            {
                _open.Remove(call);
            }

            return call ?? _all.FindLast(isIt);
        }
    }
}
