namespace GemmaSharp.Media;

/// <summary>What may be read, how much of it, and with which outside help.</summary>
/// <remarks>Immutable; shared freely between threads.</remarks>
public sealed record MediaOptions
{
    /// <summary>The options used where none are given.</summary>
    public static MediaOptions Default { get; } = new();

    /// <summary>The largest file, stream, data URL or download in bytes. Default: 256 MiB.</summary>
    public long MaxFileBytes { get; init; } = 256L << 20;

    /// <summary>The most pixels a picture may have, checked before memory for them is taken. Default: 64 Mi, which takes 450 MB while decoding.</summary>
    public long MaxPixels { get; init; } = 64L << 20;

    /// <summary>The longest sound that is decoded. Default: 1 hour, which is 230 MB at 16 kHz.</summary>
    public TimeSpan MaxAudio { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Whether a source may be the path of a file on this machine. A server that loads what strangers name says no. Default: yes.</summary>
    public bool AllowFiles { get; init; } = true;

    /// <summary>Whether a source may be an <c>http://</c> or <c>https://</c> address. Default: no.</summary>
    public bool AllowRemote { get; init; }

    /// <summary>Whether an address may lead to this machine or a private network. Default: no, so that strangers cannot reach through a server.</summary>
    public bool AllowPrivateAddresses { get; init; }

    /// <summary>How long a download may take altogether. Default: 30 seconds.</summary>
    public TimeSpan RemoteTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The ffmpeg program that decodes video and the sound formats without a decoder here; <see langword="null"/> looks for <c>ffmpeg</c> on the PATH,
    /// an empty string goes without.</summary>
    public string? FfmpegPath { get; init; }

    /// <summary>How long ffmpeg may take for one file. Default: 2 minutes.</summary>
    public TimeSpan FfmpegTimeout { get; init; } = TimeSpan.FromMinutes(2);
}
