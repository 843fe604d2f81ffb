namespace GemmaSharp.Media;

/// <summary>What may be read, how much of it, and with which outside help.</summary>
/// <remarks>Immutable; shared freely between threads.</remarks>
public sealed record MediaOptions
{
    /// <summary>The options used where none are given.</summary>
    public static MediaOptions Default { get; } = new();

    /// <summary>The largest file, stream, data URL or download in bytes. Default: 256 MiB.</summary>
    public long MaxFileBytes { get; init; } = 256L << 20;

    /// <summary>
    /// The most pixels a picture may have, checked before memory for them is taken. Up to 64 Mi a picture is decoded whole, which takes 450 MB; a larger one is
    /// made smaller while it is decoded, to sides that are still at least twice what the model sees, where its format can be (JPEG, PNG, WebP and BMP can).
    /// Default: 256 Mi.
    /// </summary>
    public long MaxPixels { get; init; } = 256L << 20;

    /// <summary>What becomes of transparency. Default: drawn over white.</summary>
    public AlphaMode Alpha { get; init; }

    /// <summary>The longest sound that is decoded. Default: 1 hour, which is 230 MB at 16 kHz.</summary>
    public TimeSpan MaxAudio { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Whether a source may be the path of a file on this machine. A server that loads what strangers name says no. Default: yes.</summary>
    public bool AllowFiles { get; init; } = true;

    /// <summary>Whether a source may be an <c>http://</c> or <c>https://</c> address. Default: no.</summary>
    public bool AllowRemote { get; init; }

    /// <summary>The only hosts that addresses may name, redirections included: a name, or <c>*.name</c> for all below it; null for any. Default: any.</summary>
    public IReadOnlyList<string>? RemoteHosts { get; init; }

    /// <summary>Whether an address may lead to this machine or a private network. Default: no, so that strangers cannot reach through a server.</summary>
    public bool AllowPrivateAddresses { get; init; }

    /// <summary>How long a download may take altogether. Default: 30 seconds.</summary>
    public TimeSpan RemoteTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// The ffmpeg program that decodes video, and the picture and sound formats without a decoder here; <see langword="null"/> looks for <c>ffmpeg</c> on the
    /// PATH, an empty string goes without.
    /// </summary>
    public string? FfmpegPath { get; init; }

    /// <summary>How long ffmpeg may take for one file. Default: 2 minutes.</summary>
    public TimeSpan FfmpegTimeout { get; init; } = TimeSpan.FromMinutes(2);
}
