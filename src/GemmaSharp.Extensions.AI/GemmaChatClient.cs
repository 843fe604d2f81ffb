using System.Runtime.CompilerServices;
using System.Text.Json;
using GemmaSharp.Media;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using AIMessage = Microsoft.Extensions.AI.ChatMessage;

namespace GemmaSharp.Extensions.AI;

/// <summary>A model as the chat client that programs and their middleware know.</summary>
/// <remarks>
/// Thread-safe: any number of answers at once share the model's steps, and what their prompts have in common. Nothing is kept of a conversation for its caller;
/// nothing is computed on the caller's threads.
/// </remarks>
sealed class GemmaChatClient : IChatClient
{
    readonly ModelSource _source;
    readonly GemmaChatOptions _options;
    readonly ModelNames _names;
    readonly ILogger _logger;
    readonly MediaLoader _media;
    readonly ChatClientMetadata _metadata;
    readonly CancellationTokenSource _closing = new();
    int _disposed;

    public GemmaChatClient(ModelSource source, GemmaChatOptions? options, ILoggerFactory? loggerFactory)
    {
        _source = source;
        _options = (options ?? new GemmaChatOptions()).Copy();
        _names = new ModelNames(source, _options);
        _logger = loggerFactory?.CreateLogger<GemmaChatClient>() ?? NullLogger<GemmaChatClient>.Instance;
        _media = new MediaLoader(_options.Media);
        _metadata = new ChatClientMetadata(GemmaClientExtensions.Provider, providerUri: null, _names.Default);
    }

    /// <inheritdoc/>
    public async Task<ChatResponse> GetResponseAsync(
        IEnumerable<AIMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        JsonElement? logprobs = null;
        PreparedRequest request = Prepare(messages, options);
        ChatResponse response = await StreamAsync(request, whole => logprobs = whole, cancellationToken)
            .ToChatResponseAsync(cancellationToken).ConfigureAwait(false);

        // Updates put together keep the last one's properties; a whole message has those of all of its tokens.
        if (logprobs is JsonElement all)
        {
            (response.Messages[^1].AdditionalProperties ??= [])[AdditionalOptions.Logprobs] = all;
        }

        return response;
    }

    /// <inheritdoc/>
    public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<AIMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        StreamAsync(Prepare(messages, options), logprobs: null, cancellationToken);

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType == typeof(ChatClientMetadata) ? _metadata
            : serviceType == typeof(GemmaModel) ? _source.Loaded
            : serviceType == typeof(Tokenizer) ? _source.Loaded?.Tokenizer
            : serviceType.IsInstanceOfType(this) ? this
            : Sibling(serviceType);
    }

    /// <summary>Ends the answers that run, whose readers get an <see cref="ObjectDisposedException"/>, and the model where it is the client's own.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _closing.Cancel();
            _media.Dispose();
            _source.Dispose();
            _closing.Dispose();
        }
    }

#pragma warning disable MEAI001 // The speech client is marked as experimental as the interface is; this one only hands it out.
    GemmaSpeechToTextClient? Sibling(Type serviceType) => serviceType == typeof(ISpeechToTextClient)
        ? new GemmaSpeechToTextClient(new BorrowedModel(_source), new GemmaSpeechOptions { ModelId = _options.ModelId, Media = _options.Media })
        : null;
#pragma warning restore MEAI001

    PreparedRequest Prepare(IEnumerable<AIMessage> messages, ChatOptions? options)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ThrowIfDisposed();
        return PreparedRequest.Read(messages, options, _names, _options, this, _logger);
    }

    async IAsyncEnumerable<ChatResponseUpdate> StreamAsync(
        PreparedRequest request, Action<JsonElement>? logprobs, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ThrowIfDisposed();
        using CancellationTokenSource ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _closing.Token);
        GemmaModel model = await EndedAsCalled(_source.GetAsync(ending.Token), cancellationToken).ConfigureAwait(false);
        GenerationRequest generation = await EndedAsCalled(GenerationAsync(request, ending.Token), cancellationToken).ConfigureAwait(false);
        var updates = new AnswerUpdates(request.ModelId, model.Tokenizer);
        AnswerStream answer = Begin(model, generation, ending.Token);
        IAsyncEnumerator<GeneratedToken> tokens = answer.GetAsyncEnumerator(ending.Token);
        await using ConfiguredAsyncDisposable reading = tokens.ConfigureAwait(false);
        while (await EndedAsCalled(tokens.MoveNextAsync(), cancellationToken).ConfigureAwait(false))
        {
            if (updates.Next(tokens.Current, () => answer.Statistics) is ChatResponseUpdate update)
            {
                yield return update;
            }
        }

        if (updates.AllLogprobs is JsonElement all)
        {
            logprobs?.Invoke(all);
        }
    }

    async ValueTask<GenerationRequest> GenerationAsync(PreparedRequest request, CancellationToken cancellationToken) => new()
    {
        Options = await request.OptionsAsync(cancellationToken).ConfigureAwait(false),
        Messages = await MessagesAsync(request, cancellationToken).ConfigureAwait(false),
        Adapters = request.Adapters,
        Tenant = request.Tenant,
    };

    async Task<IReadOnlyList<ChatMessage>> MessagesAsync(PreparedRequest request, CancellationToken cancellationToken)
    {
        var messages = new List<ChatMessage>();
        foreach (UnreadMessage message in request.Messages)
        {
            var parts = new List<ContentPart>();
            foreach ((ContentPart? part, UnreadMedia? media) in message.Pieces)
            {
                parts.Add(part ?? await media!.ReadAsync(_media, _options, Notice, cancellationToken).ConfigureAwait(false));
            }

            messages.Add(parts is [TextPart text] ? new ChatMessage(message.Role, text.Text) : new ChatMessage(message.Role, parts));
        }

        return messages;

        void Notice(string sentence) => Log.MediaNotice(_logger, sentence);
    }

    static AnswerStream Begin(GemmaModel model, GenerationRequest request, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return model.Answer(request, cancellationToken);
    }

    /// <summary>Waits, and tells the caller's own cancellation by its token and the client's end as what it is.</summary>
    async ValueTask<T> EndedAsCalled<T>(ValueTask<T> task, CancellationToken cancellationToken)
    {
        try
        {
            return await task.ConfigureAwait(false);
        }
        catch (OperationCanceledException error)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (_closing.IsCancellationRequested)
            {
                throw new ObjectDisposedException($"The chat client was disposed while it answered; make another one.", error);
            }

            throw;
        }
    }

    void ThrowIfDisposed()
    {
        if (Volatile.Read(ref _disposed) != 0)
        {
            throw new ObjectDisposedException(nameof(GemmaChatClient), "The chat client has been disposed; make another one.");
        }
    }
}
