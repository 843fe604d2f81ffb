using System.Diagnostics.CodeAnalysis;
using System.Net;

namespace GemmaSharp.Hub;

/// <summary>Which hub is asked, as whom, and where files are kept. What is null comes from the environment, as with the hub's own tools.</summary>
/// <remarks>Immutable; the environment is read when a client or cache is created.</remarks>
public sealed record HubOptions
{
    static readonly TimeSpan s_longest = TimeSpan.FromDays(1);

    /// <summary>The hub's address; a path in it is kept. Null: <c>HF_ENDPOINT</c>, else the one that this library was built with.</summary>
    public Uri? Endpoint { get; init; }

    /// <summary>The access token. Null: <c>HF_TOKEN</c>, <c>HUGGING_FACE_HUB_TOKEN</c>, the file <c>HF_TOKEN_PATH</c>, the file <c>token</c> in <c>HF_HOME</c>;
    /// none of these with <c>HF_HUB_DISABLE_IMPLICIT_TOKEN</c>.</summary>
    public string? Token { get; init; }

    /// <summary>The cache's folder. Null: <c>HF_HUB_CACHE</c>, else <c>hub</c> in <c>HF_HOME</c>, else in <c>~/.cache/huggingface</c>.</summary>
    public string? CacheFolder { get; init; }

    /// <summary>Whether no request is sent. Null: <c>HF_HUB_OFFLINE</c> or <c>TRANSFORMERS_OFFLINE</c>.</summary>
    public bool? Offline { get; init; }

    /// <summary>Whether snapshots link to the files. Null: where the file system can, unless <c>HF_HUB_DISABLE_SYMLINKS</c>. Without links the files
    /// themselves lie in the snapshots.</summary>
    public bool? Symlinks { get; init; }

    /// <summary>The proxy. Null: <c>HTTPS_PROXY</c>, <c>HTTP_PROXY</c>, <c>ALL_PROXY</c> but for <c>NO_PROXY</c>, or the system's.</summary>
    public IWebProxy? Proxy { get; init; }

    /// <summary>The most connections at once, 1 to 64.</summary>
    public int MaxConnections { get; init; } = 8;

    /// <summary>The most connections for one file, 1 to 64.</summary>
    public int MaxConnectionsPerFile { get; init; } = 4;

    /// <summary>After how long without an answer a connection is given up. Null: <c>HF_HUB_ETAG_TIMEOUT</c>, else 10 seconds.</summary>
    public TimeSpan? ConnectTimeout { get; init; }

    /// <summary>After how long without a byte a connection is opened anew. Null: <c>HF_HUB_DOWNLOAD_TIMEOUT</c>, else 30 seconds.</summary>
    public TimeSpan? StallTimeout { get; init; }

    /// <summary>How often a request is made again after failures in a row during which not a byte arrived, 0 to 100.</summary>
    public int Retries { get; init; } = 5;

    /// <summary>What the program stands on; tests stand in for it.</summary>
    internal HubMachine Machine { get; init; } = HubMachine.This;

    /// <summary>Checks every value and names the first that is out of its range.</summary>
    /// <exception cref="ArgumentException">A value is out of its range.</exception>
    public void Validate()
    {
        Require(MaxConnections is >= 1 and <= 64, nameof(MaxConnections), MaxConnections, "from 1 to 64");
        Require(MaxConnectionsPerFile is >= 1 and <= 64, nameof(MaxConnectionsPerFile), MaxConnectionsPerFile, "from 1 to 64");
        Require(ConnectTimeout is null || (ConnectTimeout > TimeSpan.Zero && ConnectTimeout <= s_longest), nameof(ConnectTimeout), ConnectTimeout!,
            "up to a day");
        Require(StallTimeout is null || (StallTimeout > TimeSpan.Zero && StallTimeout <= s_longest), nameof(StallTimeout), StallTimeout!, "up to a day");
        Require(Retries is >= 0 and <= 100, nameof(Retries), Retries, "from 0 to 100");
    }

    static void Require([DoesNotReturnIf(false)] bool holds, string name, object value, string needed)
    {
        if (!holds)
        {
            throw new ArgumentException(FormattableString.Invariant($"{name} is {value}; it must be {needed}."), name);
        }
    }
}
