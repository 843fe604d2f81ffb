using System.Text;

namespace GemmaSharp.Generation;

/// <summary>One use of a session: from the moment it is reserved until its messages are settled.</summary>
/// <remarks>Guarded by the session's lock.</remarks>
/// <param name="before">The conversation as it stays when nothing comes of this; null when the turn is outside the conversation.</param>
/// <param name="during">The conversation that is answered; null as before.</param>
sealed class Turn(ChatMessage[]? before, ChatMessage[]? during)
{
    readonly StringBuilder _text = new();
    IReadOnlyList<ToolCall>? _calls;

    /// <summary>The conversation that is answered; null when the turn is outside the conversation.</summary>
    public ChatMessage[]? During => during;

    /// <summary>The answer, once the engine has it.</summary>
    public Answer? Answer { get; set; }

    /// <summary>Tokens that the reader has got.</summary>
    public int Tokens { get; private set; }

    /// <summary>Notes a token that the reader is about to get.</summary>
    public void Read(GeneratedToken token)
    {
        Tokens++;
        _text.Append(token.Text);
        _calls = token.ToolCalls ?? _calls;
    }

    /// <summary>
    /// The conversation after the turn: with the answer as far as it was read, which goes on from one that stood at the end, or as before when not one token
    /// was read. Null when it is outside.
    /// </summary>
    public ChatMessage[]? Settled()
    {
        if (Tokens == 0 || during is null)
        {
            return before;
        }

        string text = _text.ToString();
        if (_calls is not null)
        {
            ContentPart[] said = text.Length > 0 ? [new TextPart(text)] : [];
            return [.. during, new ChatMessage(ChatMessage.AssistantRole, [.. said, .. _calls.Select(call => new ToolCallPart(call))])];
        }

        return during[^1] is { Role: ChatMessage.AssistantRole, Parts: [TextPart begun] }
            ? [.. during[..^1], ChatMessage.Assistant(begun.Text.TrimEnd() + text)]
            : [.. during, ChatMessage.Assistant(text)];
    }
}
