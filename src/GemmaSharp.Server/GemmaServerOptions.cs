using GemmaSharp.Media;
using GemmaSharp.Server.Security;

namespace GemmaSharp.Server;

/// <summary>What a server serves, to whom, and how much of it. Read once, when the endpoints are mapped.</summary>
public sealed class GemmaServerOptions
{
    /// <summary>
    /// The models. Empty: those that the program's services have, added by <c>AddGemmaModel</c>. A request that names none gets the first.
    /// </summary>
    public IList<GemmaServerModel> Models { get; } = [];

    /// <summary>Keys, one of which every request must bear but those for health and the page; none: nobody needs one.</summary>
    public IList<string> ApiKeys { get; } = [];

    /// <summary>Further names of this machine by which requests may call it: a name, one with a port, or <c>*.name</c> for all below it.</summary>
    public IList<string> AllowedHosts { get; } = [];

    /// <summary>Further origins whose pages may use the server, such as <c>https://chat.example</c> or <c>vscode-webview://*</c>; <c>*</c> for all.</summary>
    public IList<string> AllowedOrigins { get; } = [];

    /// <summary>Hosts that media may be fetched from when a request names an address: a name, or <c>*.name</c> for all below it. Default: none.</summary>
    public IList<string> RemoteMediaHosts { get; } = [];

    /// <summary>
    /// Limits on pictures, sound and video. Files of this machine are never read, and addresses only from <see cref="RemoteMediaHosts"/>, whatever it says.
    /// Default: 32 MiB a file, 33 million pixels, 10 minutes of sound, no ffmpeg.
    /// </summary>
    public MediaOptions Media { get; set; } = new()
    {
        MaxFileBytes = 32L << 20,
        MaxPixels = 33_000_000,
        MaxAudio = TimeSpan.FromMinutes(10),
        FfmpegPath = "",
    };

    /// <summary>The longest sound that is written down by <c>/v1/audio/transcriptions</c>. Default: 1 hour.</summary>
    public TimeSpan MaxTranscription { get; set; } = TimeSpan.FromHours(1);

    /// <summary>The most bytes of a request's body. Default: 64 MiB.</summary>
    public long MaxBodyBytes { get; set; } = 64L << 20;

    /// <summary>The most tokens of any answer; null: as many as the context holds.</summary>
    public int? MaxAnswerTokens { get; set; }

    /// <summary>How many answers of <c>/v1/responses</c> are kept for requests that go on from them. Default: 0, none.</summary>
    public int StoredResponses { get; set; }

    /// <summary>Whether the web page is served. Default: yes.</summary>
    public bool Page { get; set; } = true;

    /// <summary>How long answers may go on when the server is to stop; then they are cut, and told so. Default: 30 seconds.</summary>
    public TimeSpan Drain { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>After how long a silence a stream is sent a sign of life. Default: 10 seconds.</summary>
    public TimeSpan KeepAlive { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// After how long an answer that is no stream is begun with white space, so that its client does not give up. Then its status is 200 whatever comes.
    /// Default: 20 seconds.
    /// </summary>
    public TimeSpan PatienceOfClients { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>How long a client may leave what is sent unread before it is cut off. Default: 30 seconds.</summary>
    public TimeSpan SlowReaderTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Checks every value and names the first that is out of its range.</summary>
    /// <exception cref="ArgumentException">A value is out of its range.</exception>
    public void Validate()
    {
        Require(MaxBodyBytes >= 1024, nameof(MaxBodyBytes), MaxBodyBytes, "1024 or more");
        Require(MaxAnswerTokens is null or >= 1, nameof(MaxAnswerTokens), MaxAnswerTokens, "1 or more, or null");
        Require(StoredResponses is >= 0 and <= 100_000, nameof(StoredResponses), StoredResponses, "from 0 to 100000");
        Require(Drain >= TimeSpan.Zero && Drain <= TimeSpan.FromDays(1), nameof(Drain), Drain, "from none to a day");
        Require(KeepAlive >= TimeSpan.FromMilliseconds(10) && KeepAlive <= TimeSpan.FromHours(1), nameof(KeepAlive), KeepAlive, "from 10 ms to an hour");
        Require(PatienceOfClients >= TimeSpan.Zero, nameof(PatienceOfClients), PatienceOfClients, "none or more");
        Require(SlowReaderTimeout > TimeSpan.Zero, nameof(SlowReaderTimeout), SlowReaderTimeout, "more than none");
        Require(MaxTranscription > TimeSpan.Zero, nameof(MaxTranscription), MaxTranscription, "more than none");
        foreach (string origin in AllowedOrigins)
        {
            Require(
                OriginCheck.Pattern(origin) is not null, "AllowedOrigin", origin is { Length: > 0 } ? origin : "an empty text",
                "the origin of pages, such as https://chat.example, http://localhost:*, vscode-webview://* or *");
        }

        foreach (string key in ApiKeys)
        {
            Require(key is { Length: >= 1 } && key.Trim() == key, nameof(ApiKeys), "an empty key or one with blanks around it", "texts without them");
        }

        static void Require(bool holds, string name, object? found, string needed)
        {
            if (!holds)
            {
                throw new ArgumentException(FormattableString.Invariant($"{name} is {found}; it must be {needed}."), name);
            }
        }
    }
}

/// <summary>A model that is served.</summary>
public sealed class GemmaServerModel
{
    /// <summary>A model that the server loads and disposes of.</summary>
    /// <param name="path">The checkpoint's folder.</param>
    /// <param name="options">How it is loaded; null for the defaults.</param>
    public GemmaServerModel(string path, GemmaModelOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        Path = path;
        Options = options ?? new GemmaModelOptions();
    }

    /// <summary>A model that somebody has loaded and disposes of.</summary>
    /// <param name="model">The model.</param>
    public GemmaServerModel(GemmaModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        Loaded = model;
        Options = new GemmaModelOptions();
    }

    /// <summary>The checkpoint's folder; null where the model was loaded by somebody else.</summary>
    public string? Path { get; }

    /// <summary>The model, where somebody else has loaded it.</summary>
    public GemmaModel? Loaded { get; }

    /// <summary>How it is loaded.</summary>
    public GemmaModelOptions Options { get; }

    /// <summary>What requests call it and answers say; null for the checkpoint's name.</summary>
    public string? Id { get; set; }

    /// <summary>Further names for it.</summary>
    public IList<string> Aliases { get; } = [];

    /// <summary>Adapters by name, as folders with weights, that requests ask for as <c>model:name</c>; loaded after the model.</summary>
    public IDictionary<string, IReadOnlyList<AdapterToMerge>> Adapters { get; } =
        new Dictionary<string, IReadOnlyList<AdapterToMerge>>(StringComparer.OrdinalIgnoreCase);
}
