namespace GemmaSharp.Hub;

/// <summary>What a pull is doing.</summary>
public enum PullPhase
{
    /// <summary>The hub is asked what there is.</summary>
    Asking,

    /// <summary>Files arrive.</summary>
    Downloading,

    /// <summary>A file is complete and is read once, to compare it with its checksum.</summary>
    Checking,

    /// <summary>A file is complete and is converted, where that was asked for.</summary>
    Converting,

    /// <summary>Something waits: for a server that has had enough, a failure to pass, another process.</summary>
    Waiting,

    /// <summary>All files have their names.</summary>
    Done,
}

/// <summary>How far a pull is.</summary>
/// <param name="Phase">What it is doing.</param>
/// <param name="TotalBytes">Bytes of all wanted files.</param>
/// <param name="DoneBytes">Bytes that are there, those of earlier downloads included.</param>
/// <param name="BytesPerSecond">How fast bytes arrived during the last ten seconds; 0 when none did.</param>
/// <param name="Remaining">How long it takes at that speed; null when that cannot be told.</param>
/// <param name="Files">The files that are being downloaded.</param>
/// <param name="Notice">Why something waits; null otherwise.</param>
/// <param name="RetryIn">How long it waits before it tries again; null where it does not know.</param>
public sealed record PullProgress(
    PullPhase Phase, long TotalBytes, long DoneBytes, double BytesPerSecond, TimeSpan? Remaining, IReadOnlyList<FileProgress> Files, string? Notice,
    TimeSpan? RetryIn);

/// <summary>How far a file is.</summary>
/// <param name="File">The file.</param>
/// <param name="DoneBytes">Bytes of it that are there.</param>
/// <param name="IsChecking">Whether it is being compared with its checksum.</param>
public sealed record FileProgress(HubFile File, long DoneBytes, bool IsChecking);
