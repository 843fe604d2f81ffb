namespace GemmaSharp.Hub;

/// <summary>What stands between a program and the files of a repository.</summary>
public enum HubFailure
{
    /// <summary>What was given is no repository's name, revision or pattern.</summary>
    BadName,

    /// <summary>The endpoint, the token or a setting cannot be used.</summary>
    BadSetting,

    /// <summary>The repository does not exist, or is private, or is gated and nobody is logged in: the hub does not tell which.</summary>
    NotFoundOrLogin,

    /// <summary>The repository exists and the revision does not.</summary>
    NoSuchRevision,

    /// <summary>The repository has no such file, or none of the wanted kind.</summary>
    NoSuchFile,

    /// <summary>The repository's licence has not been accepted by the token's account.</summary>
    Gated,

    /// <summary>The token is wrong, expired or has too few rights.</summary>
    TokenRefused,

    /// <summary>The hub has disabled the repository.</summary>
    Disabled,

    /// <summary>The hub, or a proxy on the way, cannot be reached, or answers with errors.</summary>
    Unreachable,

    /// <summary>What answers does not speak the hub's protocol.</summary>
    NotAHub,

    /// <summary>Offline mode is on and the cache has no whole snapshot.</summary>
    Offline,

    /// <summary>What was received does not have the length or the checksum that the hub names.</summary>
    Corrupt,

    /// <summary>There is not enough room on the disk.</summary>
    DiskFull,

    /// <summary>The cache cannot be read or written.</summary>
    Storage,

    /// <summary>Another process is using the files.</summary>
    Busy,
}

/// <summary>A repository that could not be downloaded, found, checked or removed. The message says what was found, what is needed and the way out.</summary>
/// <remarks>Nothing that is not complete and checked has got its name; what arrived is kept for the next attempt where it can be used.</remarks>
public sealed class HubException : GemmaException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="failure">What kind of failure it is.</param>
    /// <param name="message">One sentence.</param>
    /// <param name="innerException">What happened below, if anything.</param>
    public HubException(HubFailure failure, string message, Exception? innerException = null)
        : base(message, innerException)
    {
        Failure = failure;
    }

    /// <summary>What kind of failure it is.</summary>
    public HubFailure Failure { get; }
}
