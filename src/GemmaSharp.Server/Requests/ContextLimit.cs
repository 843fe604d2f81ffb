namespace GemmaSharp.Server.Requests;

/// <summary>Brings conversations to a length, where clients want that rather than a refusal.</summary>
static class ContextLimit
{
    /// <summary>A request whose prompt and at least one token of answer fit into a context, and whose answer ends with that.</summary>
    /// <inheritdoc cref="FitAsync(GemmaModel, GenerationRequest, int, bool, int, CancellationToken)"/>
    public static Task<GenerationRequest> FitAsync(
        GemmaModel model, GenerationRequest request, int length, bool truncates, CancellationToken cancellationToken) =>
        FitAsync(model, request, length, truncates, room: 1, cancellationToken);

    /// <summary>A request whose prompt fits into a context and leaves room for an answer, and whose answer ends with the context.</summary>
    /// <param name="model">Who answers.</param>
    /// <param name="request">The request.</param>
    /// <param name="length">Tokens that prompt and answer may have together; at most the model's.</param>
    /// <param name="truncates">
    /// Whether the oldest is left out where it does not fit: whole turns at first, then calls of tools with their results. Instructions, the last question and
    /// all after its last call stay. Of a prompt that is no conversation the end stays.
    /// </param>
    /// <param name="room">Tokens that the answer is to have where that can be had by leaving something out; 1 or more.</param>
    /// <param name="cancellationToken">Ends counting.</param>
    /// <exception cref="ContextLengthException">It does not fit.</exception>
    public static async Task<GenerationRequest> FitAsync(
        GemmaModel model, GenerationRequest request, int length, bool truncates, int room, CancellationToken cancellationToken)
    {
        if (length == model.ContextLength && !truncates)
        {
            // The model says so itself.
            return request;
        }

        if (request.PromptIds is { } ids)
        {
            int kept = length - room;
            if (truncates && ids.Count > kept && kept >= 2)
            {
                // The first is the beginning of the sequence, without which the model is lost.
                request = request with { PromptIds = [ids[0], .. ids.TakeLast(kept - 1)] };
            }

            return Ending(request, request.PromptIds!.Count);
        }

        int count = await CountAsync(request.Messages).ConfigureAwait(false);
        if (!truncates || count <= length - room)
        {
            return Ending(request, count);
        }

        List<Cut> cuts = [new Cut(0, 0, 0), .. Cuts(request.Messages)];
        return await LongestAsync(length - room).ConfigureAwait(false) ?? await LongestAsync(length - 1).ConfigureAwait(false)
            ?? throw new ContextLengthException(count, length);

        // Each is shorter than the one before, so the longest that fits is found by halving.
        async Task<GenerationRequest?> LongestAsync(int most)
        {
            int from = 0, to = cuts.Count, found = 0;
            while (from < to)
            {
                int middle = (from + to) / 2, tokens = await CountAsync(cuts[middle].Of(request.Messages)).ConfigureAwait(false);
                (from, to, found) = tokens <= most ? (from, middle, tokens) : (middle + 1, to, found);
            }

            return to < cuts.Count ? Ending(request with { Messages = cuts[to].Of(request.Messages) }, found) : null;
        }

        GenerationRequest Ending(GenerationRequest fitting, int prompt)
        {
            if (prompt >= length)
            {
                throw new ContextLengthException(prompt, length);
            }

            GenerationOptions options = fitting.Options ?? new GenerationOptions();
            return length == model.ContextLength ? fitting
                : fitting with { Options = options with { MaxTokens = Math.Min(options.MaxTokens ?? int.MaxValue, length - prompt) } };
        }

        async Task<int> CountAsync(IReadOnlyList<ChatMessage> these)
        {
            try
            {
                return (await model.TokenizeAsync(these, request.Options, cancellationToken).ConfigureAwait(false)).Count;
            }
            catch (ContextLengthException error)
            {
                return error.PromptTokens;
            }
        }
    }

    /// <summary>What can be left out of a conversation: less at first, then more and more.</summary>
    static IEnumerable<Cut> Cuts(IReadOnlyList<ChatMessage> messages)
    {
        // A turn is what the user says, in one message or several, and all up to the next question.
        List<int> turns = [.. Places(messages, 0, (message, before) => message.Role == ChatMessage.UserRole && before?.Role != ChatMessage.UserRole)];
        foreach (int turn in turns)
        {
            yield return new Cut(turn, turn, turn);
        }

        // A question may be answered by many calls, whose results are what fills a context; a result stays with its call.
        int last = turns.Count > 0 ? turns[^1] : 0, called = last;
        while (called < messages.Count && messages[called].Role is ChatMessage.UserRole or ChatMessage.SystemRole)
        {
            called++;
        }

        foreach (int round in Places(
            messages, called + 1, (message, before) => message.Role == ChatMessage.AssistantRole && before?.Role == ChatMessage.ToolRole))
        {
            yield return new Cut(last, called, round);
        }
    }

    /// <summary>Where something begins, told each message and the one before it.</summary>
    static IEnumerable<int> Places(IReadOnlyList<ChatMessage> messages, int start, Func<ChatMessage, ChatMessage?, bool> begins) =>
        Enumerable.Range(start, Math.Max(0, messages.Count - start)).Where(i => begins(messages[i], i > 0 ? messages[i - 1] : null));

    /// <summary>What is left out: all before a turn, and from the first calls of that turn those before a later one. Instructions stay.</summary>
    readonly record struct Cut(int Turn, int Called, int Round)
    {
        public IReadOnlyList<ChatMessage> Of(IReadOnlyList<ChatMessage> messages)
        {
            Cut cut = this;
            return [.. messages.Where((message, i) => message.Role == ChatMessage.SystemRole || (i >= cut.Turn && (i < cut.Called || i >= cut.Round)))];
        }
    }
}
