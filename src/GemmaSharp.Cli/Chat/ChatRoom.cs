namespace GemmaSharp.Cli.Chat;

/// <summary>Makes room in the context for the next question and its answer: the oldest turns leave the conversation, but not what is saved of it.</summary>
/// <remarks>Not thread-safe.</remarks>
sealed class ChatRoom(GemmaModel model, GemmaSession session)
{
    /// <summary>Tokens that an answer of unknown length should have.</summary>
    const int UsualAnswer = 512;

    readonly List<ChatMessage> _left = [];

    /// <summary>All that was said, what has left included.</summary>
    public IReadOnlyList<ChatMessage> Messages
    {
        get
        {
            int head = Head;
            return [.. session.Messages.Take(head), .. _left, .. session.Messages.Skip(head)];
        }
    }

    /// <summary>A system message stays.</summary>
    int Head => session.Messages is [{ Role: ChatMessage.SystemRole }, ..] ? 1 : 0;

    /// <summary>Forgets what has left, since another conversation begins.</summary>
    public void Forget() => _left.Clear();

    /// <summary>Lets turns leave until a question fits, with a quarter of the context for its answer, or what that needs at most.</summary>
    /// <returns>How many messages have left now. A question that does not fit alone is refused when it is asked.</returns>
    public async Task<int> MakeAsync(ChatMessage question, GenerationOptions options)
    {
        int reserve = Math.Min(options.MaxTokens ?? UsualAnswer, model.ContextLength / 4), count = 0;

        // For a question that is too long by itself nothing needs to leave.
        if (!await FitsAsync([.. session.Messages.Take(Head), question], options, reserve: 0).ConfigureAwait(false))
        {
            return 0;
        }

        while (session.Messages.Count > Head && !await FitsAsync([.. session.Messages, question], options, reserve).ConfigureAwait(false))
        {
            int head = Head, turn = TurnOf(session.Messages, head);
            _left.AddRange(session.Messages.Skip(head).Take(turn));
            count += turn;
            session.SetMessages([.. session.Messages.Take(head), .. session.Messages.Skip(head + turn)]);
        }

        return count;
    }

    async Task<bool> FitsAsync(ChatMessage[] messages, GenerationOptions options, int reserve)
    {
        try
        {
            return (await model.TokenizeAsync(messages, options).ConfigureAwait(false)).Count + reserve <= model.ContextLength;
        }
        catch (ContextLengthException)
        {
            // The prompt alone is longer than the context.
            return false;
        }
    }

    /// <summary>Messages up to the next question of the user.</summary>
    static int TurnOf(IReadOnlyList<ChatMessage> messages, int from)
    {
        int count = 1;
        while (from + count < messages.Count && messages[from + count].Role != ChatMessage.UserRole)
        {
            count++;
        }

        return count;
    }
}
