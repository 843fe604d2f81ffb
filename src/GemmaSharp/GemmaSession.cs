using System.Runtime.CompilerServices;
using System.Text;
using GemmaSharp.Generation;

namespace GemmaSharp;

/// <summary>One conversation with a model: its messages, and the cache that lets the next turn prefill only what is new.</summary>
/// <remarks>
/// One answer at a time; different sessions of a model may answer at once and then share the model's steps. Dispose to free the cache.
/// </remarks>
public sealed class GemmaSession : IDisposable
{
    readonly GemmaModel _model;
    readonly SequenceState _sequence;
    readonly List<ChatMessage> _messages = [];
    int _answering;
    bool _disposed;

    internal GemmaSession(GemmaModel model, AdapterSet adapters)
    {
        _model = model;
        _sequence = new SequenceState(model.Text.NewCache(InferenceEngine.MaxStepRows), adapters);
    }

    /// <summary>The conversation's adapters, chosen when it began.</summary>
    public AdapterSet Adapters => _sequence.Adapters;

    /// <summary>The conversation so far, answers included.</summary>
    public IReadOnlyList<ChatMessage> Messages => _messages;

    /// <summary>What the last answer cost; meaningful once its last token has been read.</summary>
    public GenerationStatistics Statistics { get; private set; } = new();

    /// <summary>The seed the last answer was drawn with.</summary>
    public ulong Seed { get; private set; }

    /// <summary>Bytes of keys and values held.</summary>
    public long CacheBytes => _sequence.Cache.Bytes;

    /// <summary>Replaces the conversation, for example by a saved one. What it shares with the cached one is not computed again.</summary>
    public void SetMessages(IEnumerable<ChatMessage> messages)
    {
        ThrowIfBusy();
        ChatMessage[] copy = [.. messages];
        _messages.Clear();
        _messages.AddRange(copy);
    }

    /// <summary>Adds a user's text to the conversation and streams the answer, which is added when it ends.</summary>
    /// <inheritdoc cref="GenerateAsync(ChatMessage, GenerationOptions?, CancellationToken)"/>
    public IAsyncEnumerable<GeneratedToken> GenerateAsync(string text, GenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        GenerateAsync(ChatMessage.User(text), options, cancellationToken);

    /// <summary>Adds a message to the conversation and streams the answer, which is added when it ends (also when it is cancelled, as far as it got). When not one token came, the message is taken back.</summary>
    /// <param name="message">The user's message.</param>
    /// <param name="options">How to draw; null for the checkpoint's own settings.</param>
    /// <param name="cancellationToken">Ends the answer at the next token.</param>
    /// <exception cref="GenerationException">The conversation does not fit the context, or holds what the checkpoint has no part for.</exception>
    /// <exception cref="ChatTemplateException">The roles do not alternate.</exception>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="InvalidOperationException">An answer of this session is still running.</exception>
    public async IAsyncEnumerable<GeneratedToken> GenerateAsync(
        ChatMessage message, GenerationOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ThrowIfBusy();
        EncodedPrompt prompt = _model.Encode([.. _messages, message], adapters: Adapters);
        _messages.Add(message);
        var answer = new StringBuilder();
        bool answered = false;
        try
        {
            await foreach (GeneratedToken token in GenerateAsync(prompt, options, cancellationToken).ConfigureAwait(false))
            {
                answered = true;
                answer.Append(token.Text);
                yield return token;
            }
        }
        finally
        {
            // Roles must alternate, so a question without an answer cannot stay.
            if (answered)
            {
                _messages.Add(ChatMessage.Assistant(answer.ToString()));
            }
            else
            {
                _messages.RemoveAt(_messages.Count - 1);
            }
        }
    }

    /// <summary>Answers the conversation as it stands, whose last message is the user's.</summary>
    /// <inheritdoc cref="GenerateAsync(ChatMessage, GenerationOptions?, CancellationToken)"/>
    public IAsyncEnumerable<GeneratedToken> GenerateAsync(GenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ThrowIfBusy();
        if (_messages.Count == 0)
        {
            throw new GenerationException("The conversation is empty; add a user's message.");
        }

        ChatMessage last = _messages[^1];
        _messages.RemoveAt(_messages.Count - 1);
        return GenerateAsync(last, options, cancellationToken);
    }

    /// <summary>Streams what follows an encoded prompt, outside the conversation.</summary>
    /// <inheritdoc cref="GenerateAsync(ChatMessage, GenerationOptions?, CancellationToken)"/>
    public async IAsyncEnumerable<GeneratedToken> GenerateAsync(
        EncodedPrompt prompt, GenerationOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (prompt.Soft.Count > 0 && !prompt.Adapters.Equals(Adapters))
        {
            throw new ArgumentException("The prompt's pictures or clips were encoded with other adapters than this session's; pass the session's Adapters to Encode.", nameof(prompt));
        }

        if (Interlocked.Exchange(ref _answering, 1) != 0)
        {
            throw new InvalidOperationException("An answer of this session is still running; finish or cancel it, or use another session.");
        }

        // The reader may stop anywhere; the engine must have let go of the cache before the session is used again.
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        GenerationJob? job = null;
        try
        {
            (job, Seed) = _model.Start(_sequence, prompt, options ?? new GenerationOptions(), stop.Token);
            await foreach (GeneratedToken token in job.Output.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
            {
                if (token.StopReason is not null)
                {
                    Statistics = job.Statistics;
                }

                yield return token;
            }
        }
        finally
        {
            if (job is not null)
            {
                await stop.CancelAsync().ConfigureAwait(false);
                await job.Released.ConfigureAwait(false);
                Statistics = job.Statistics;
            }

            Volatile.Write(ref _answering, 0);
        }
    }

    /// <summary>Frees the cache.</summary>
    /// <exception cref="InvalidOperationException">An answer is still running.</exception>
    public void Dispose()
    {
        if (!_disposed)
        {
            ThrowIfBusy();
            _disposed = true;
            _sequence.Dispose();
        }
    }

    void ThrowIfBusy()
    {
        if (Volatile.Read(ref _answering) != 0)
        {
            throw new InvalidOperationException("An answer of this session is still running; finish or cancel it, or use another session.");
        }
    }
}
