namespace GemmaSharp.Generation;

/// <summary>What a piece of <see cref="Work"/> wants of the engine before it goes on.</summary>
readonly struct Feed
{
    readonly Func<bool>? _ready;

    Feed(FeedKind kind, EncodedPrompt? prompt, int id, ReadOnlyMemory<float> embedding, Func<bool>? ready = null)
    {
        _ready = ready;
        Kind = kind;
        Prompt = prompt;
        Id = id;
        Embedding = embedding;
    }

    /// <summary>Nothing but a turn: it has computed a bounded piece by itself and lets the others have theirs.</summary>
    public static Feed Pause => default;

    /// <summary>Whether there is nothing to wait for.</summary>
    public bool IsReady => _ready?.Invoke() ?? true;

    /// <summary>Which of them it is.</summary>
    public FeedKind Kind { get; }

    /// <summary>The prompt, of which what is not yet in the sequence is wanted.</summary>
    public EncodedPrompt? Prompt { get; }

    /// <summary>The drawn token.</summary>
    public int Id { get; }

    /// <summary>The row that stands in for the table's at the drawn token, <c>[C]</c>; empty for none.</summary>
    public ReadOnlyMemory<float> Embedding { get; }

    /// <summary>A turn, once something is so that other work brings about.</summary>
    public static Feed Until(Func<bool> ready) => new(FeedKind.Pause, null, 0, default, ready);

    /// <summary>As many more tokens of the prompt as the next step has room for; with the last one, its logits.</summary>
    public static Feed RestOf(EncodedPrompt prompt) => new(FeedKind.Prompt, prompt, 0, default);

    /// <summary>A drawn token, and the logits after it.</summary>
    public static Feed Token(int id, ReadOnlyMemory<float> embedding) => new(FeedKind.Token, null, id, embedding);
}

/// <summary>The kinds of <see cref="Feed"/>.</summary>
enum FeedKind
{
    /// <summary>A turn.</summary>
    Pause,

    /// <summary>Rows of a prompt.</summary>
    Prompt,

    /// <summary>The row of a drawn token.</summary>
    Token,
}
