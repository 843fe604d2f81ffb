using System.Runtime.CompilerServices;
using GemmaSharp.Generation;

namespace GemmaSharp;

/// <summary>A conversation to be answered outside any session. Immutable; change a copy with <c>with</c>.</summary>
/// <remarks>
/// Nothing is kept for the caller; but what earlier requests of the same <see cref="Tenant"/> and adapters have computed is found again by its longest common
/// beginning and not computed twice.
/// </remarks>
public sealed record GenerationRequest
{
    /// <summary>The conversation, brought into the model's form: <see cref="GemmaModel.Normalize"/>. Empty where there are <see cref="PromptIds"/>.</summary>
    public IReadOnlyList<ChatMessage> Messages { get; init; } = [];

    /// <summary>Ids to be continued as they are, without a template, instead of messages; null for none.</summary>
    public IReadOnlyList<int>? PromptIds { get; init; }

    /// <summary>How to draw; null for the checkpoint's own settings.</summary>
    public GenerationOptions? Options { get; init; }

    /// <summary>What is added to the linear layers; null for the model as it is.</summary>
    public AdapterSet? Adapters { get; init; }

    /// <summary>Whose request it is: only prefixes of the same tenant are reused, since the time that one takes tells of others' prompts.</summary>
    public string? Tenant { get; init; }
}

/// <summary>An answer that is being computed: its tokens as they come, once.</summary>
/// <remarks>
/// Thread-safe for one reader; nothing is computed on its thread. Dispose it, or its enumerator, to end it early. One that nobody reads is computed no more
/// than some hundred tokens ahead, gives its place to others meanwhile, and ends some time after nobody refers to it any more.
/// </remarks>
#pragma warning disable CA1711 // It is a stream: of tokens, not of bytes.
public sealed class AnswerStream : IAsyncEnumerable<GeneratedToken>, IAsyncDisposable
#pragma warning restore CA1711
{
    readonly Answer _answer;
    readonly CancellationToken _cancellationToken;
    int _begun;
    int _read;

    internal AnswerStream(Answer answer, CancellationToken cancellationToken)
    {
        _answer = answer;
        _cancellationToken = cancellationToken;
    }

    /// <summary>Ends an answer that nobody refers to any more.</summary>
    ~AnswerStream() => ThreadPool.UnsafeQueueUserWorkItem(static answer => answer.Stop(Left()), _answer, preferLocal: false);

    /// <summary>Completes when the request has left the queue and its computing begins; faults with what ended it before.</summary>
    public Task Admitted => _answer.Admitted;

    /// <summary>The seed it is drawn with.</summary>
    public ulong Seed => _answer.Seed;

    /// <summary>What it cost; meaningful once its last token has been read.</summary>
    public GenerationStatistics Statistics => _answer.Statistics with { AnswerTokens = Volatile.Read(ref _read) };

    /// <summary>The tokens; may be called once.</summary>
    /// <param name="cancellationToken">Ends the answer at the next token.</param>
    /// <exception cref="InvalidOperationException">It was called before.</exception>
    public IAsyncEnumerator<GeneratedToken> GetAsyncEnumerator(CancellationToken cancellationToken = default) =>
        Interlocked.Exchange(ref _begun, 1) == 0
            ? ReadAsync(cancellationToken).GetAsyncEnumerator(cancellationToken)
            : throw new InvalidOperationException("The tokens of this answer have been asked for before; keep them, or ask the model again.");

    /// <summary>Ends the answer if it still runs, and waits for that.</summary>
    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        _answer.Stop(Left());
        await _answer.Released.ConfigureAwait(false);
    }

    async IAsyncEnumerable<GeneratedToken> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        try
        {
            using CancellationTokenRegistration cancellation = cancellationToken.UnsafeRegister(
                static (answer, token) => ((Answer)answer!).Stop(new OperationCanceledException(token)), _answer);
            while (await _answer.WaitToReadAsync().ConfigureAwait(false))
            {
                _cancellationToken.ThrowIfCancellationRequested();
                cancellationToken.ThrowIfCancellationRequested();
                if (_answer.TryRead(out GeneratedToken token))
                {
                    Interlocked.Increment(ref _read);
                    yield return token;
                }
            }
        }
        finally
        {
            await DisposeAsync().ConfigureAwait(false);
        }
    }

    static ObjectDisposedException Left() => new(nameof(AnswerStream), "The answer has been disposed; ask the model again.");
}
