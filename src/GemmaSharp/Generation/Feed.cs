namespace GemmaSharp.Generation;

/// <summary>What a piece of <see cref="Work"/> wants of the engine before it goes on.</summary>
readonly struct Feed
{
    readonly Func<bool>? _ready;

    Feed(
        FeedKind kind, EncodedPrompt? prompt, ReadOnlyMemory<int> ids, ReadOnlyMemory<float> embedding, int guesses = 0, Func<bool>? ready = null)
    {
        _ready = ready;
        Guesses = guesses;
        Kind = kind;
        Prompt = prompt;
        Ids = ids;
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

    /// <summary>The drawn token, those that must follow it, and guesses at those that come then.</summary>
    public ReadOnlyMemory<int> Ids { get; }

    /// <summary>How many of the last ids are guesses: the step takes as many of them as it has room for.</summary>
    public int Guesses { get; }

    /// <summary>How many ids are none.</summary>
    public int Certain => Ids.Length - Guesses;

    /// <summary>The row that stands in for the table's at the first of them, <c>[C]</c>; empty for none.</summary>
    public ReadOnlyMemory<float> Embedding { get; }

    /// <summary>A turn, once something is so that other work brings about.</summary>
    public static Feed Until(Func<bool> ready) => new(FeedKind.Pause, null, default, default, ready: ready);

    /// <summary>As many more tokens of the prompt as the next step has room for; with the last one, its logits.</summary>
    public static Feed RestOf(EncodedPrompt prompt) => new(FeedKind.Prompt, prompt, default, default);

    /// <summary>Tokens of an answer in one step, and the logits after the last one that is certain and after every guess.</summary>
    /// <param name="ids">At least one, at most <see cref="MostTokens"/>; the memory is the engine's until the work goes on.</param>
    /// <param name="embedding">As of <see cref="Embedding"/>.</param>
    /// <param name="guesses">As of <see cref="Guesses"/>; fewer than there are ids.</param>
    public static Feed Tokens(ReadOnlyMemory<int> ids, ReadOnlyMemory<float> embedding = default, int guesses = 0) =>
        new(FeedKind.Tokens, null, ids, embedding, guesses);

    /// <summary>The most tokens of an answer in one step, so that others who answer do not wait for long.</summary>
    public const int MostTokens = 16;
}

/// <summary>The kinds of <see cref="Feed"/>.</summary>
enum FeedKind
{
    /// <summary>A turn.</summary>
    Pause,

    /// <summary>Rows of a prompt.</summary>
    Prompt,

    /// <summary>Rows of an answer's tokens.</summary>
    Tokens,
}
