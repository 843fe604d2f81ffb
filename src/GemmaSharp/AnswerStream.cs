namespace GemmaSharp;

/// <summary>A conversation to be answered outside any session. Immutable; change a copy with <c>with</c>.</summary>
/// <remarks>
/// Nothing is kept for the caller; but what earlier requests of the same <see cref="Tenant"/> and adapters have computed is found again by its longest common
/// beginning and not computed twice.
/// </remarks>
public sealed record GenerationRequest
{
    /// <summary>The conversation, brought into the model's form: see <see cref="GemmaModel.Normalize"/>.</summary>
    public required IReadOnlyList<ChatMessage> Messages { get; init; }

    /// <summary>How to draw; null for the checkpoint's own settings.</summary>
    public GenerationOptions? Options { get; init; }

    /// <summary>What is added to the linear layers; null for the model as it is.</summary>
    public AdapterSet? Adapters { get; init; }

    /// <summary>Whose request it is: only prefixes of the same tenant are reused, since the time that one takes tells of others' prompts.</summary>
    public string? Tenant { get; init; }
}

/// <summary>An answer that is being computed: its tokens as they come, once. Thread-safe for one reader; dispose it, or its enumerator, to end it early.</summary>
public sealed class AnswerStream : IAsyncEnumerable<GeneratedToken>, IAsyncDisposable
{
    /// <summary>Completes when the request has left the queue and its computing begins; faults with what ended it before.</summary>
    public Task Admitted => throw new NotImplementedException();

    /// <summary>The seed it is drawn with.</summary>
    public ulong Seed => throw new NotImplementedException();

    /// <summary>What it cost; meaningful once its last token has been read.</summary>
    public GenerationStatistics Statistics => throw new NotImplementedException();

    /// <summary>The tokens; may be called once.</summary>
    /// <exception cref="InvalidOperationException">It was called before.</exception>
    public IAsyncEnumerator<GeneratedToken> GetAsyncEnumerator(CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Ends the answer if it still runs.</summary>
    public ValueTask DisposeAsync() => throw new NotImplementedException();
}
