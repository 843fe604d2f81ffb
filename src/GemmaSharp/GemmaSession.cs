using System.Runtime.CompilerServices;
using GemmaSharp.Generation;

namespace GemmaSharp;

/// <summary>One conversation with a model: its messages, and the cache that lets the next turn prefill only what is new.</summary>
/// <remarks>
/// <para>
/// Thread-safe, but one answer at a time: who asks while another answer runs gets an <see cref="InvalidOperationException"/>, and nothing changes. Different
/// sessions of a model may answer at once and then share the model's steps. Nothing is computed on the caller's threads.
/// </para>
/// <para>
/// An answer ends when its enumerator does. One that is left standing is computed no more than some hundred tokens ahead; it ends when it is disposed, when the
/// session is, or some time after nobody refers to it any more, and until then the session counts as answering.
/// </para>
/// <para>Dispose to free the cache.</para>
/// </remarks>
public sealed class GemmaSession : IDisposable, IAsyncDisposable
{
    readonly GemmaModel _model;
    readonly SequenceState _sequence;
    readonly OwnSequence _place;
    readonly Lock _lock = new();

    // Guarded by the lock; the arrays themselves never change.
    ChatMessage[] _messages = [];
    Turn? _turn;
    bool _disposed;

    internal GemmaSession(GemmaModel model, AdapterSet adapters)
    {
        _model = model;
        _sequence = new SequenceState(model.Text.NewCache(model.Engine.StepRows), adapters);
        _place = new OwnSequence(_sequence, model.Engine.Prefixes);
    }

    /// <summary>The conversation's adapters, chosen when it began.</summary>
    public AdapterSet Adapters => _sequence.Adapters;

    /// <summary>The conversation so far, answers included, and while one runs the question: as it stands now, later changes do not show.</summary>
    public IReadOnlyList<ChatMessage> Messages
    {
        get
        {
            lock (_lock)
            {
                return Array.AsReadOnly(_messages);
            }
        }
    }

    /// <summary>What the last answer cost; meaningful once its last token has been read.</summary>
    public GenerationStatistics Statistics { get; private set; } = new();

    /// <summary>The seed the last answer was drawn with.</summary>
    public ulong Seed { get; private set; }

    /// <summary>Bytes of keys and values held.</summary>
    public long CacheBytes => _sequence.Cache.Bytes;

    /// <summary>Replaces the conversation, for example by a saved one. What it shares with the cached one is not computed again.</summary>
    /// <exception cref="ArgumentException">A message is null.</exception>
    /// <exception cref="InvalidOperationException">An answer of this session is still running.</exception>
    public void SetMessages(IEnumerable<ChatMessage> messages)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ChatMessage[] copy = [.. messages];
        if (Array.IndexOf(copy, null) is >= 0 and int index)
        {
            throw new ArgumentException($"Message {index} is null; leave it out.", nameof(messages));
        }

        lock (_lock)
        {
            ThrowIfBusy();
            _messages = copy;
        }
    }

    /// <summary>Adds a user's text to the conversation and streams the answer, which is added when it ends.</summary>
    /// <inheritdoc cref="GenerateAsync(ChatMessage, GenerationOptions?, CancellationToken)"/>
    public IAsyncEnumerable<GeneratedToken> GenerateAsync(string text, GenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(text);
        return GenerateAsync(ChatMessage.User(text), options, cancellationToken);
    }

    /// <summary>
    /// Adds a message to the conversation and streams the answer, which is added when it ends (also when it is cancelled, as far as it was read). When not
    /// one token was read, the message is taken back.
    /// </summary>
    /// <param name="message">The user's message.</param>
    /// <param name="options">How to draw; null for the checkpoint's own settings.</param>
    /// <param name="cancellationToken">Ends the answer at the next token.</param>
    /// <exception cref="GenerationException">The conversation does not fit the context or the memory, or holds what the checkpoint has no part for.</exception>
    /// <exception cref="ChatMessageException">A role is not known, or the result of a tool is of no call of the conversation.</exception>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="OverloadedException">Too many answers of the model wait.</exception>
    /// <exception cref="InvalidOperationException">An answer of this session is still running.</exception>
    /// <exception cref="ObjectDisposedException">The session or the model has been or is being disposed.</exception>
    public IAsyncEnumerable<GeneratedToken> GenerateAsync(ChatMessage message, GenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(message);
        return StreamAsync(() => BeginTurn(message), prompt: null, options ?? new GenerationOptions(), cancellationToken);
    }

    /// <summary>Answers the conversation as it stands, or goes on with the answer that stands at its end; it stays so when nothing comes of it.</summary>
    /// <inheritdoc cref="GenerateAsync(ChatMessage, GenerationOptions?, CancellationToken)"/>
    public IAsyncEnumerable<GeneratedToken> GenerateAsync(GenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        StreamAsync(() => BeginTurn(question: null), prompt: null, options ?? new GenerationOptions(), cancellationToken);

    /// <summary>Streams what follows an encoded prompt, outside the conversation.</summary>
    /// <param name="prompt">The prompt, of this session's model.</param>
    /// <param name="options">How to draw; null for the checkpoint's own settings.</param>
    /// <param name="cancellationToken">Ends the answer at the next token.</param>
    /// <exception cref="ArgumentException">The prompt is of another model or has ids outside the vocabulary, its pictures were encoded with other adapters,
    /// or an option is out of its range.</exception>
    /// <inheritdoc cref="GenerateAsync(ChatMessage, GenerationOptions?, CancellationToken)"/>
    public IAsyncEnumerable<GeneratedToken> GenerateAsync(
        EncodedPrompt prompt, GenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        if (prompt.Soft.Count > 0 && !prompt.Adapters.Equals(Adapters))
        {
            throw new ArgumentException(
                "The prompt's pictures or clips were encoded with other adapters than this session's; pass the session's Adapters to Encode.", nameof(prompt));
        }

        return StreamAsync(() => Begin(new Turn(null, null)), prompt, options ?? new GenerationOptions(), cancellationToken);
    }

    /// <summary>Ends an answer that is running, whose reader gets an <see cref="ObjectDisposedException"/>, waits for that, and frees the cache.</summary>
    public void Dispose()
    {
        if (EndedByDisposal() is Turn turn)
        {
            // The model's own thread, in a callback, cannot wait for itself.
            if (_model.Engine.IsOwnThread)
            {
                _ = CloseWhenReleasedAsync(turn);
                return;
            }

            turn.Answer?.Released.GetAwaiter().GetResult();
            Close(turn);
        }
    }

    /// <inheritdoc cref="Dispose"/>
    public async ValueTask DisposeAsync()
    {
        if (EndedByDisposal() is Turn turn)
        {
            await CloseWhenReleasedAsync(turn).ConfigureAwait(false);
        }
    }

    /// <summary>One use of the session from the reader's side.</summary>
    async IAsyncEnumerable<GeneratedToken> StreamAsync(
        Func<Turn> begin, EncodedPrompt? prompt, GenerationOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Turn turn = begin();
        var reader = new Reader(this, turn);
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            PromptSource source;
            if (prompt is not null)
            {
                prompt.RequireModel(_model.Linears, _model.Config.TextConfig);
                _model.RequireRoom(prompt.Ids.Length, answer: 1);
                source = new PromptSource(prompt);
            }
            else
            {
                source = new PromptSource(_model.PlanAsync(turn.During!, options, cancellationToken));
                await source.Planned.ConfigureAwait(false);
            }

            var answer = new Answer(_model, _place, source, options);
            Submit(turn, answer, cancellationToken);
            while (await answer.WaitToReadAsync().ConfigureAwait(false))
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (Read(turn, answer, out GeneratedToken token))
                {
                    yield return token;
                }
            }
        }
        finally
        {
            reader.Dispose();
            await LeaveAsync(turn).ConfigureAwait(false);
        }
    }

    Turn BeginTurn(ChatMessage? question)
    {
        lock (_lock)
        {
            ChatMessage[] before = _messages, during = question is null ? before : [.. before, question];
            if (during.Length == 0)
            {
                throw new GenerationException("The conversation is empty; add a user's message.");
            }

            return Begin(new Turn(before, during));
        }
    }

    /// <summary>Reserves the session.</summary>
    Turn Begin(Turn turn)
    {
        lock (_lock)
        {
            ThrowIfBusy();
            _turn = turn;
            _messages = turn.During ?? _messages;
            return turn;
        }
    }

    void Submit(Turn turn, Answer answer, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            ThrowIfEnded(turn);
            answer.StopOn(cancellationToken);
            _model.Engine.Submit([answer]);
            turn.Answer = answer;
            Seed = answer.Seed;
        }
    }

    bool Read(Turn turn, Answer answer, out GeneratedToken token)
    {
        lock (_lock)
        {
            ThrowIfEnded(turn);
            if (!answer.TryRead(out token))
            {
                return false;
            }

            turn.Read(token);
            if (token.StopReason is not null)
            {
                Statistics = answer.Statistics;
            }

            return true;
        }
    }

    /// <summary>Ends a turn whose reader does not want more of it; the engine must have let go of the cache before the session is used again.</summary>
    Task LeaveAsync(Turn turn)
    {
        turn.Answer?.Stop(new OperationCanceledException("The reader left."));
        return CloseWhenReleasedAsync(turn);
    }

    async Task CloseWhenReleasedAsync(Turn turn)
    {
        if (turn.Answer is Answer answer)
        {
            await answer.Released.ConfigureAwait(false);
        }

        Close(turn);
    }

    /// <summary>Settles a turn that the engine has let go of. Only the first call counts.</summary>
    void Close(Turn turn)
    {
        lock (_lock)
        {
            if (_turn != turn)
            {
                return;
            }

            _turn = null;
            _messages = turn.Settled() ?? _messages;
            if (turn.Answer is Answer answer)
            {
                // What was drawn and never read is no part of the answer.
                Statistics = answer.Statistics with { AnswerTokens = turn.Tokens };
            }

            if (_disposed)
            {
                _sequence.Dispose();
            }
        }
    }

    /// <summary>Marks the session as disposed.</summary>
    /// <returns>The turn that has to be closed first, told to end; null when there is none.</returns>
    Turn? EndedByDisposal()
    {
        lock (_lock)
        {
            _disposed = true;
            if (_turn is null)
            {
                _sequence.Dispose();
            }
            else
            {
                _turn.Answer?.Stop(Disposed());
            }

            return _turn;
        }
    }

    void ThrowIfBusy()
    {
        if (_disposed)
        {
            throw Disposed();
        }

        if (_turn is not null)
        {
            throw new InvalidOperationException("An answer of this session is still running; finish, cancel or dispose it, or use another session.");
        }
    }

    void ThrowIfEnded(Turn turn)
    {
        if (_disposed || _turn != turn)
        {
            throw Disposed();
        }
    }

    static ObjectDisposedException Disposed() => new(nameof(GemmaSession), "The session has been disposed; open another one.");

    /// <summary>Stands for the enumerator: when that is collected without having been disposed, the turn ends, so that the session can be used again.</summary>
    sealed class Reader(GemmaSession session, Turn turn) : IDisposable
    {
        ~Reader() =>
            ThreadPool.UnsafeQueueUserWorkItem(static left => _ = left.Session.LeaveAsync(left.Turn), (Session: session, Turn: turn), preferLocal: false);

        public void Dispose() => GC.SuppressFinalize(this);
    }
}
