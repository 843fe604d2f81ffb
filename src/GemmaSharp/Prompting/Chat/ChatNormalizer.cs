using GemmaSharp.Prompting.Tools;

namespace GemmaSharp.Prompting.Chat;

/// <summary>Brings conversations of any roles into the one form that the chat template takes.</summary>
/// <remarks>
/// System texts at the beginning are joined into one, later ones become texts of the user, where they stand. Results of tools become a turn of the user.
/// Neighbours of one role are joined. An answer that comes first gets an empty question before it, and a system text alone an empty question after it, since
/// the template puts it into that. What has the form already stays as it is. Stateless, thread-safe.
/// </remarks>
static class ChatNormalizer
{
    const string Between = "\n\n";

    /// <summary>The conversation in the template's form.</summary>
    /// <param name="messages">The messages; they do not change.</param>
    /// <param name="format">How calls of tools are written.</param>
    /// <exception cref="ChatMessageException">A role is not known, or a result is of no call of the conversation.</exception>
    public static IReadOnlyList<ChatMessage> Normalize(IReadOnlyList<ChatMessage> messages, ToolFormat format)
    {
        var result = new List<ChatMessage>();
        var system = new List<ChatMessage>();
        var calls = new List<ToolCall>();
        int number = 0;
        foreach (ChatMessage message in messages)
        {
            number++;
            string role = RoleOf(message, number);
            if (role == ChatMessage.SystemRole && result.Count == 0)
            {
                system.Add(message);
                continue;
            }

            Append(result, Plain(message, role, calls, format));
        }

        if (result.Count == 0 || result[0].Role == ChatMessage.AssistantRole)
        {
            if (messages.Count > 0)
            {
                result.Insert(0, ChatMessage.User(""));
            }
        }

        // Pictures and sound of instructions have no place there: they come first in the question.
        ContentPart[] media = [.. system.SelectMany(message => message.Parts).Where(part => part is not TextPart)];
        if (media.Length > 0)
        {
            result[0] = ChatMessage.User([.. media, .. result[0].Parts]);
        }

        if (system.Count > 0)
        {
            result.Insert(0, system is [{ Role: ChatMessage.SystemRole, Parts: [TextPart] } only]
                ? only : ChatMessage.System(string.Join(Between, system.SelectMany(Texts).Where(text => text.Length > 0))));
        }

        return result;
    }

    /// <summary>Adds a text to the end of the instructions.</summary>
    public static IReadOnlyList<ChatMessage> WithInstruction(IReadOnlyList<ChatMessage> messages, string? text)
    {
        if (string.IsNullOrEmpty(text))
        {
            return messages;
        }

        return messages is [{ Role: ChatMessage.SystemRole } system, ..]
            ? [ChatMessage.System(string.Join(Between, Texts(system).Append(text).Where(each => each.Length > 0))), .. messages.Skip(1)]
            : [ChatMessage.System(text), .. messages];
    }

    static IEnumerable<string> Texts(ChatMessage message) => message.Parts.OfType<TextPart>().Select(part => part.Text);

    static string RoleOf(ChatMessage message, int number) => message.Role switch
    {
        ChatMessage.UserRole or ChatMessage.AssistantRole or ChatMessage.SystemRole or ChatMessage.ToolRole => message.Role,
        "developer" => ChatMessage.SystemRole,
        "model" => ChatMessage.AssistantRole,
        "function" => ChatMessage.ToolRole,
        _ => throw new ChatMessageException(
            $"Message {number} of the conversation has the role {message.Role}; "
            + "user, assistant (or model), system (or developer) and tool (or function) are known."),
    };

    /// <summary>A message of the user or the assistant, calls and results as text.</summary>
    static ChatMessage Plain(ChatMessage message, string role, List<ToolCall> calls, ToolFormat format)
    {
        bool isAnswer = role == ChatMessage.AssistantRole;
        string turn = isAnswer ? ChatMessage.AssistantRole : ChatMessage.UserRole;
        if (!message.Parts.Any(part => part is ToolCallPart or ToolResultPart))
        {
            if (role == ChatMessage.ToolRole)
            {
                // Without a call that it belongs to it is a result of the last one.
                string name = calls.Count > 0 ? calls[^1].Name : "tool";
                string result = ToolPrompt.Results([(name, message.Text)]);
                ContentPart[] media = [.. message.Parts.Where(part => part is not TextPart)];
                return media.Length == 0 ? ChatMessage.User(result) : ChatMessage.User([new TextPart(result), .. media]);
            }

            return message.Role == turn ? message
                : message.IsPlainText ? new ChatMessage(turn, message.Text)
                : new ChatMessage(turn, message.Parts);
        }

        var parts = new List<ContentPart>();
        var own = new List<ToolCall>();
        var results = new List<(int Order, string Name, string Result)>();
        foreach (ContentPart part in message.Parts)
        {
            switch (part)
            {
                case ToolCallPart call:
                    own.Add(call.Call);
                    break;
                case ToolResultPart result:
                    results.Add(Known(result, calls));
                    break;
                default:
                    parts.Add(part);
                    break;
            }
        }

        calls.AddRange(own);
        var texts = new List<ContentPart>();
        if (results.Count > 0)
        {
            texts.Add(new TextPart(ToolPrompt.Results(results.OrderBy(result => result.Order).Select(result => (result.Name, result.Result)))));
        }

        // Text before the calls, as the model writes it; results before what the user adds.
        IEnumerable<ContentPart> all = own.Count > 0 ? [.. parts, new TextPart(ToolPrompt.Calls(own, format))] : [.. texts, .. parts];
        return all.Aggregate(new ChatMessage(turn, []), (sum, part) => Joined(sum, new ChatMessage(turn, [part])));
    }

    static (int Order, string Name, string Result) Known(ToolResultPart result, List<ToolCall> calls)
    {
        int order = calls.FindLastIndex(call => call.Id == result.CallId);
        if (order < 0 && result.Name is not null)
        {
            order = calls.FindLastIndex(call => call.Name == result.Name);
        }

        return order >= 0
            ? (order, result.Name ?? calls[order].Name, result.Result)
            : throw new ChatMessageException(
                $"A result is of the call \"{result.CallId}\"{(result.Name is null ? "" : $" of {result.Name}")}, and no message before it has such a call; "
                + "give the message of the assistant with the call as well.");
    }

    static void Append(List<ChatMessage> result, ChatMessage message)
    {
        if (result.Count > 0 && result[^1].Role == message.Role)
        {
            result[^1] = Joined(result[^1], message);
        }
        else
        {
            result.Add(message);
        }
    }

    /// <summary>Two messages of one role as one, texts apart by an empty line.</summary>
    static ChatMessage Joined(ChatMessage first, ChatMessage second)
    {
        if (first.Parts.Count == 0 || (first.IsPlainText && first.Text.Length == 0))
        {
            return second.Role == first.Role ? second : new ChatMessage(first.Role, second.Parts);
        }

        if (second.Parts.Count == 0 || (second.IsPlainText && second.Text.Length == 0))
        {
            return first;
        }

        if (first.Parts[^1] is not TextPart before || second.Parts[0] is not TextPart after)
        {
            return new ChatMessage(first.Role, [.. first.Parts, .. second.Parts]);
        }

        string text = before.Text.TrimEnd() + Between + after.Text.TrimStart();
        return first.Parts.Count == 1 && second.Parts.Count == 1
            ? new ChatMessage(first.Role, text)
            : new ChatMessage(first.Role, [.. first.Parts.Take(first.Parts.Count - 1), new TextPart(text), .. second.Parts.Skip(1)]);
    }
}
