namespace GemmaSharp.Media;

/// <summary>
/// Decodes sound to one mono clip at 16 kHz: WAV, AIFF, MP3, FLAC, Ogg Opus, Ogg Vorbis, and uncompressed CAF, AU and Wave64 here, everything else, and the
/// sound of videos, with an installed ffmpeg.
/// </summary>
/// <remarks>
/// Recognises the format by content. Channels are averaged, unless they cancel each other, where the loudest is taken with a notice; then the rate is
/// changed by the model's resampler; 16 kHz mono passes untouched. A damaged file gives the part that can be decoded, with a notice, or a
/// <see cref="MediaException"/>. Stateless; thread-safe.
/// </remarks>
public static class AudioReader
{
    const int SniffBytes = 4096;

    /// <summary>Decodes a file.</summary>
    /// <param name="path">Where it is.</param>
    /// <param name="options">Limits; <see langword="null"/> for the defaults.</param>
    /// <returns>One clip of any length.</returns>
    /// <exception cref="MediaException">The file is missing, too large or long, damaged, or no sound.</exception>
    public static AudioContent Read(string path, MediaOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        return Read(path, null, options ?? MediaOptions.Default);
    }

    /// <summary>Decodes what a stream holds from its position on.</summary>
    /// <param name="stream">Read to its end; not closed.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="options">Limits; <see langword="null"/> for the defaults.</param>
    /// <returns>One clip of any length.</returns>
    /// <exception cref="MediaException">The stream is too large or long, damaged, or no sound.</exception>
    public static AudioContent Read(Stream stream, string name = "The stream", MediaOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        options ??= MediaOptions.Default;
        return Decode(MediaBytes.ReadStream(stream, name, options), name, null, options);
    }

    /// <summary>Decodes a file held in memory.</summary>
    /// <param name="bytes">The whole file.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="options">Limits; <see langword="null"/> for the defaults.</param>
    /// <returns>One clip of any length.</returns>
    /// <exception cref="MediaException">The bytes are too many, damaged, or no sound.</exception>
    public static AudioContent Read(ReadOnlyMemory<byte> bytes, string name = "The sound", MediaOptions? options = null) =>
        Read(bytes, name, null, options ?? MediaOptions.Default);

    /// <summary>Decodes the sound that a <c>data:</c> URL carries; its media type is not looked at.</summary>
    /// <param name="url"><c>data:audio/wav;base64,…</c></param>
    /// <param name="options">Limits; <see langword="null"/> for the defaults.</param>
    /// <returns>One clip of any length.</returns>
    /// <exception cref="MediaException">The URL is malformed, or what it carries is refused.</exception>
    public static AudioContent ReadDataUrl(string url, MediaOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(url);
        options ??= MediaOptions.Default;
        return Decode(MediaBytes.ReadDataUrl(url, options), "The data URL's sound", null, options);
    }

    /// <summary>Decodes a piece of a file. What is read as it comes may be of any size then, since only the piece is held.</summary>
    internal static AudioContent Read(string path, AudioWindow? window, MediaOptions options)
    {
        string name = Path.GetFileName(path);
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
            if (!stream.CanSeek)
            {
                return Decode(MediaBytes.ReadStream(stream, name, options), name, window, options);
            }

            byte[] start = new byte[SniffBytes];
            int read = PcmStream.Fill(stream, start);
            MediaFormat format = MediaFormat.Detect(start.AsSpan(0, read));
            bool isStreamed = !IsHeld(format) && format.Kind is MediaKind.Audio or MediaKind.Video;
            if (stream.Length > options.MaxFileBytes && !(isStreamed && window is not null))
            {
                throw MediaBytes.TooLarge(name, stream.Length, options);
            }

            if (isStreamed)
            {
                // What need not be in memory as a whole is read from the file as it comes.
                stream.Position = 0;
                return FromStream(stream, format, name, path, window, options);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw MediaBytes.CannotOpen(path, error);
        }

        return Decode(MediaBytes.ReadFile(path, options), name, window, options);
    }

    /// <summary>Decodes a piece of a file held in memory.</summary>
    internal static AudioContent Read(ReadOnlyMemory<byte> bytes, string name, AudioWindow? window, MediaOptions options) =>
        bytes.Length > options.MaxFileBytes
            ? throw MediaBytes.TooLarge(name, bytes.Length, options)
            : Decode(bytes, name, window, options);

    /// <summary>Whether a format is decoded from the whole file in memory.</summary>
    static bool IsHeld(MediaFormat format) =>
        format == MediaFormat.Mp3 || format == MediaFormat.Aac || format == MediaFormat.Flac
            || format == MediaFormat.OggOpus || format == MediaFormat.OggVorbis;

    static AudioContent Decode(ReadOnlyMemory<byte> bytes, string name, AudioWindow? window, MediaOptions options)
    {
        // Tags of ID3 stand before MP3, and sometimes before other formats.
        int tag = Id3Bytes(bytes.Span);
        MediaFormat format = MediaFormat.Detect(bytes.Span[tag..]);
        if (tag > 0)
        {
            bytes = bytes[tag..];
            format = format.Kind == MediaKind.Audio ? format : MediaFormat.Mp3;
        }

        if (!IsHeld(format))
        {
            using MemoryStream stream = new(bytes.ToArray(), writable: false);
            return FromStream(stream, format, name, null, window, options);
        }

        return Hear(name, window, options, sink =>
        {
            if (format == MediaFormat.Flac)
            {
                FlacDecoder.Decode(bytes.Span, sink);
            }
            else if (format == MediaFormat.Mp3)
            {
                Mp3Decoder.Decode(bytes, sink);
            }
            else if (format == MediaFormat.Aac)
            {
                AacDecoder.Decode(bytes, sink, options);
            }
            else
            {
                OggDecoder.Decode(bytes, sink);
            }

            return true;
        })!;
    }

    /// <summary>Formats that are read as they come, and those that ffmpeg reads from the file.</summary>
    static AudioContent FromStream(Stream stream, MediaFormat format, string name, string? path, AudioWindow? window, MediaOptions options)
    {
        Func<Stream, AudioSink, bool>? decoder = format == MediaFormat.Wav ? WavDecoder.Decode
            : format == MediaFormat.Aiff ? AiffDecoder.Decode
            : format == MediaFormat.Wave64 ? Wave64Decoder.Decode
            : format == MediaFormat.Caf ? CafDecoder.Decode
            : format == MediaFormat.Au ? AuDecoder.Decode
            : null;
        AudioContent? content = decoder is null ? null : Hear(name, window, options, sink =>
        {
            stream.Position = 0;
            return decoder(stream, sink);
        });
        if (content is not null)
        {
            return content;
        }

        if (format.Kind is not (MediaKind.Audio or MediaKind.Video))
        {
            throw Refusal(format, name);
        }

        Ffmpeg ffmpeg = Ffmpeg.Find(options, name, format);
        if (path is not null)
        {
            return WithFfmpeg(ffmpeg, path, name, options, window);
        }

        stream.Position = 0;
        byte[] bytes = MediaBytes.ReadStream(stream, name, options);
        return Ffmpeg.WithFile(bytes, file => WithFfmpeg(ffmpeg, file, name, options, window));
    }

    /// <summary>Decodes, and once more from one channel alone where the mean of all would cancel the sound.</summary>
    /// <param name="name">What messages call the sound.</param>
    /// <param name="window">The piece wanted; null for everything.</param>
    /// <param name="options">Limits.</param>
    /// <param name="decode">Pours the sound into the sink, from its beginning; says whether it can.</param>
    /// <returns>The sound; null where it is compressed in a way that the decoder does not know.</returns>
    static AudioContent? Hear(string name, AudioWindow? window, MediaOptions options, Func<AudioSink, bool> decode)
    {
        AudioSink sink = new(name, options, window);
        if (!decode(sink))
        {
            return null;
        }

        if (sink.Louder is int channel)
        {
            sink = new AudioSink(name, options, window, channel);
            decode(sink);
        }

        return sink.Finish();
    }

    /// <summary>The first sound track of a file, through ffmpeg.</summary>
    internal static AudioContent WithFfmpeg(Ffmpeg ffmpeg, string path, string name, MediaOptions options, AudioWindow? window = null) =>
        Hear(name, window, options, sink =>
        {
            FfmpegSound.Decode(ffmpeg, path, sink);
            return true;
        })!;

    static int Id3Bytes(ReadOnlySpan<byte> bytes)
    {
        int total = 0;
        while (bytes.Length - total > 10 && bytes[total..].StartsWith("ID3"u8))
        {
            ReadOnlySpan<byte> head = bytes.Slice(total, 10);
            int size = ((head[6] & 0x7F) << 21) | ((head[7] & 0x7F) << 14) | ((head[8] & 0x7F) << 7) | (head[9] & 0x7F);
            const int FooterFlag = 0x10;
            total = (int)Math.Min(bytes.Length, (long)total + 10 + size + ((head[5] & FooterFlag) != 0 ? 10 : 0));
        }

        return total;
    }

    static MediaException Refusal(MediaFormat format, string name) => new(format switch
    {
        { Name: "empty" } => $"{name} is empty; sound is needed: WAV, MP3, FLAC, Ogg or AIFF.",
        { Kind: MediaKind.Unknown } => $"{name} is in no format that is known here; save it as WAV, MP3, FLAC, Ogg or AIFF.",
        { Kind: MediaKind.Image } =>
            $"{name} is {ImageReader.Article(format.Name)} {format.Name} picture and sound is needed; pass it as an image, or give a WAV, MP3, FLAC, Ogg or "
                + $"AIFF file.",
        _ => $"{name} is {ImageReader.Article(format.Name)} {format.Name} file and sound is needed; give a WAV, MP3, FLAC, Ogg or AIFF file.",
    });
}
