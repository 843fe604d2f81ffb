using System.Text;

namespace GemmaSharp.Media;

/// <summary>A file format, recognised by the first bytes and never by the file's name.</summary>
/// <param name="Name">What people call it: "PNG", "Ogg Opus".</param>
/// <param name="Kind">What it holds.</param>
public sealed record MediaFormat(string Name, MediaKind Kind)
{
    internal static MediaFormat Png { get; } = new("PNG", MediaKind.Image);
    internal static MediaFormat Jpeg { get; } = new("JPEG", MediaKind.Image);
    internal static MediaFormat WebP { get; } = new("WebP", MediaKind.Image);
    internal static MediaFormat Gif { get; } = new("GIF", MediaKind.Image);
    internal static MediaFormat Bmp { get; } = new("BMP", MediaKind.Image);
    internal static MediaFormat Wav { get; } = new("WAV", MediaKind.Audio);
    internal static MediaFormat Aiff { get; } = new("AIFF", MediaKind.Audio);
    internal static MediaFormat Wave64 { get; } = new("Wave64", MediaKind.Audio);
    internal static MediaFormat Caf { get; } = new("CAF", MediaKind.Audio);
    internal static MediaFormat Au { get; } = new("AU", MediaKind.Audio);
    internal static MediaFormat Flac { get; } = new("FLAC", MediaKind.Audio);
    internal static MediaFormat Mp3 { get; } = new("MP3", MediaKind.Audio);
    internal static MediaFormat OggOpus { get; } = new("Ogg Opus", MediaKind.Audio);
    internal static MediaFormat OggVorbis { get; } = new("Ogg Vorbis", MediaKind.Audio);
    internal static MediaFormat Aac { get; } = new("AAC", MediaKind.Audio);
    internal static MediaFormat Unknown { get; } = new("unknown", MediaKind.Unknown);
    internal static MediaFormat Empty { get; } = new("empty", MediaKind.Unknown);

    /// <summary>Recognises a format.</summary>
    /// <param name="start">The first bytes of the file; 4,096 are plenty.</param>
    /// <returns>The format; one of kind <see cref="MediaKind.Unknown"/> where nothing fits.</returns>
    public static MediaFormat Detect(ReadOnlySpan<byte> start)
    {
        if (start.IsEmpty)
        {
            return Empty;
        }

        MediaFormat? found = Signature(start) ?? Container(start) ?? Text(start) ?? FrameSync(start);

        // A stream cut out of its middle begins within a frame, and some begin with the lines of text that a server sent.
        return found is null or { Name: "text" } && MpegStream.IsFound(start) ? Mp3
            : found ?? (AdtsStream.Find(start) >= 0 ? Aac : Unknown);
    }

    static MediaFormat? Signature(ReadOnlySpan<byte> s)
    {
        foreach ((byte[] mark, MediaFormat format) in s_marks)
        {
            if (s.StartsWith(mark))
            {
                return format;
            }
        }

        bool isBitmap = s.Length >= 18 && s.StartsWith("BM"u8) && s[14] is 12 or 16 or 40 or 52 or 56 or 64 or 108 or 124 && s[15] == 0;
        return isBitmap ? Bmp : null;
    }

    static MediaFormat? Container(ReadOnlySpan<byte> s)
    {
        if (s.Length >= 12)
        {
            ReadOnlySpan<byte> type = s.Slice(8, 4);
            if (s.StartsWith("RIFF"u8) || s.StartsWith("RF64"u8) || s.StartsWith("BW64"u8) || s.StartsWith("RIFX"u8))
            {
                return type.SequenceEqual("WAVE"u8) ? Wav
                    : type.SequenceEqual("WEBP"u8) ? WebP
                    : type.StartsWith("AVI"u8) ? new("AVI", MediaKind.Video)
                    : null;
            }

            if (s.StartsWith("FORM"u8) && (type.SequenceEqual("AIFF"u8) || type.SequenceEqual("AIFC"u8)))
            {
                return Aiff;
            }

            if (s.Slice(4, 4).SequenceEqual("ftyp"u8))
            {
                return Mp4(Encoding.Latin1.GetString(type));
            }
        }

        if (!s.StartsWith("OggS"u8))
        {
            return null;
        }

        ReadOnlySpan<byte> page = s[..Math.Min(s.Length, 512)];
        return page.IndexOf("OpusHead"u8) >= 0 ? OggOpus
            : page.IndexOf("\u0001vorbis"u8) >= 0 ? OggVorbis
            : page.IndexOf("\u007fFLAC"u8) >= 0 ? new("Ogg FLAC", MediaKind.Audio)
            : page.IndexOf("Speex  "u8) >= 0 ? new("Ogg Speex", MediaKind.Audio)
            : new("Ogg", MediaKind.Video);
    }

    static MediaFormat Mp4(string brand) => brand switch
    {
        "heic" or "heix" or "heim" or "heis" or "hevc" or "hevx" or "mif1" or "msf1" => new("HEIC", MediaKind.Image),
        "avif" or "avis" => new("AVIF", MediaKind.Image),
        "M4A " or "M4B " or "M4P " => new("M4A", MediaKind.Audio),
        "crx " => new("CR3 raw", MediaKind.Image),
        "qt  " => new("QuickTime", MediaKind.Video),
        _ => new("MP4", MediaKind.Video),
    };

    static MediaFormat? Text(ReadOnlySpan<byte> s)
    {
        ReadOnlySpan<byte> text = s.StartsWith("\uFEFF"u8) ? s[3..] : s;
        string head = Encoding.Latin1.GetString(text[..Math.Min(text.Length, 1024)]).TrimStart();
        if (head.Contains('\0', StringComparison.Ordinal))
        {
            return null;
        }

        return head.StartsWith("<svg", StringComparison.OrdinalIgnoreCase)
                || (head.StartsWith('<') && head.Contains("<svg", StringComparison.OrdinalIgnoreCase)) ? new("SVG", MediaKind.Image)
            : head.StartsWith("<!doctype html", StringComparison.OrdinalIgnoreCase)
                || head.StartsWith("<html", StringComparison.OrdinalIgnoreCase) ? new("HTML", MediaKind.Other)
            : head.StartsWith("<?xml", StringComparison.OrdinalIgnoreCase) ? new("XML", MediaKind.Other)
            : head.StartsWith("#EXTM3U", StringComparison.Ordinal) ? new("M3U playlist", MediaKind.Other)
            : head.StartsWith("version https://git-lfs", StringComparison.Ordinal) ? new("Git LFS pointer", MediaKind.Other)
            : head.All(c => c is >= ' ' and < '\u007f' or '\t' or '\r' or '\n') ? new("text", MediaKind.Other)
            : null;
    }

    /// <summary>MPEG audio has no signature: a frame begins with eleven ones, and what follows must make sense.</summary>
    static MediaFormat? FrameSync(ReadOnlySpan<byte> s)
    {
        // Some files begin with zeros that an editor left.
        ReadOnlySpan<byte> rest = s.TrimStart((byte)0);
        if (rest.Length >= 4 && rest[0] == 0xFF && (rest[1] & 0xE0) == 0xE0)
        {
            bool isAdts = (rest[1] & 0xF6) == 0xF0;
            bool isFrame = (rest[1] & 0x18) != 0x08 && (rest[1] & 0x06) != 0 && (rest[2] & 0xF0) != 0xF0 && (rest[2] & 0x0C) != 0x0C;
            return isAdts ? Aac : isFrame ? Mp3 : null;
        }

        bool isTransport = s.Length > 188 && s[0] == 0x47 && s[188] == 0x47;
        return isTransport ? new("MPEG transport stream", MediaKind.Video) : null;
    }

    static readonly (byte[] Mark, MediaFormat Format)[] s_marks =
    [
        ([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A], Png),
        ([0xFF, 0xD8, 0xFF], Jpeg),
        ([.. "GIF87a"u8], Gif),
        ([.. "GIF89a"u8], Gif),
        ([.. "fLaC"u8], Flac),
        ([.. "ID3"u8], Mp3),
        ([.. "II*\0"u8], new("TIFF", MediaKind.Image)),
        ([.. "MM\0*"u8], new("TIFF", MediaKind.Image)),
        ([.. "II+\0"u8], new("BigTIFF", MediaKind.Image)),
        ([.. "MM\0+"u8], new("BigTIFF", MediaKind.Image)),
        ([0, 0, 1, 0], new("ICO", MediaKind.Image)),
        ([.. "8BPS"u8], new("Photoshop", MediaKind.Image)),
        ([0, 0, 0, 0x0C, 0x6A, 0x50, 0x20, 0x20], new("JPEG 2000", MediaKind.Image)),
        ([0xFF, 0x4F, 0xFF, 0x51], new("JPEG 2000", MediaKind.Image)),
        ([0, 0, 0, 0x0C, 0x4A, 0x58, 0x4C, 0x20], new("JPEG XL", MediaKind.Image)),
        ([0xFF, 0x0A], new("JPEG XL", MediaKind.Image)),
        ([.. "qoif"u8], new("QOI", MediaKind.Image)),
        ([.. "%PDF"u8], new("PDF", MediaKind.Other)),
        ([.. "PK\u0003\u0004"u8], new("ZIP", MediaKind.Other)),
        ([0x1F, 0x8B], new("gzip", MediaKind.Other)),
        ([.. "#!AMR"u8], new("AMR", MediaKind.Audio)),
        ([.. "MThd"u8], new("MIDI", MediaKind.Other)),
        ([.. "caff"u8], Caf),
        ([.. ".snd"u8], Au),
        ([.. "wvpk"u8], new("WavPack", MediaKind.Audio)),
        ([.. "MAC "u8], new("Monkey's Audio", MediaKind.Audio)),
        ([.. "riff"u8], Wave64),
        ([0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11], new("Windows Media", MediaKind.Video)),
        ([0x1A, 0x45, 0xDF, 0xA3], new("Matroska or WebM", MediaKind.Video)),
        ([.. "FLV\u0001"u8], new("FLV", MediaKind.Video)),
        ([0, 0, 1, 0xBA], new("MPEG", MediaKind.Video)),
        ([0, 0, 1, 0xB3], new("MPEG", MediaKind.Video)),
    ];
}
