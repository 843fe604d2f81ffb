namespace GemmaSharp.Media;

/// <summary>
/// Decodes PNG, JPEG, WebP, GIF and BMP to RGB, and HEIC, AVIF, TIFF and some more with an installed ffmpeg: EXIF orientation applied, transparency drawn
/// over white (<see cref="MediaOptions.Alpha"/>), palettes looked up, gray replicated, the high byte of 16 bits, the first frame of an animation; otherwise as
/// Pillow does.
/// </summary>
/// <remarks>Recognises the format by content. Stateless; thread-safe. Nothing is allocated for pixels before the header's sides are checked.</remarks>
public static class ImageReader
{
    /// <summary>Decodes a file.</summary>
    /// <param name="path">Where it is.</param>
    /// <param name="options">Limits; <see langword="null"/> for the defaults.</param>
    /// <param name="notice">Told what a person should know, such as that an animation's other frames were left out; may be <see langword="null"/>.</param>
    /// <exception cref="MediaException">The file is missing, too large, damaged or in a format that is not decoded here.</exception>
    public static RgbImage Read(string path, MediaOptions? options = null, Action<string>? notice = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        options ??= MediaOptions.Default;
        return Decode(MediaBytes.ReadFile(path, options), Path.GetFileName(path), options, notice);
    }

    /// <summary>Decodes what a stream holds from its position on.</summary>
    /// <param name="stream">Read to its end; not closed.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="options">Limits; <see langword="null"/> for the defaults.</param>
    /// <param name="notice">Told what a person should know, such as that an animation's other frames were left out; may be <see langword="null"/>.</param>
    /// <exception cref="MediaException">The stream is too large, damaged or in a format that is not decoded here.</exception>
    public static RgbImage Read(Stream stream, string name = "The stream", MediaOptions? options = null, Action<string>? notice = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        options ??= MediaOptions.Default;
        return Decode(MediaBytes.ReadStream(stream, name, options), name, options, notice);
    }

    /// <summary>Decodes a file held in memory.</summary>
    /// <param name="bytes">The whole file.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="options">Limits; <see langword="null"/> for the defaults.</param>
    /// <param name="notice">Told what a person should know, such as that an animation's other frames were left out; may be <see langword="null"/>.</param>
    /// <exception cref="MediaException">The bytes are too many, damaged or in a format that is not decoded here.</exception>
    public static RgbImage Read(ReadOnlyMemory<byte> bytes, string name = "The picture", MediaOptions? options = null, Action<string>? notice = null)
    {
        options ??= MediaOptions.Default;
        return bytes.Length > options.MaxFileBytes
            ? throw MediaBytes.TooLarge(name, bytes.Length, options)
            : Decode(bytes, name, options, notice);
    }

    /// <summary>Decodes the picture that a <c>data:</c> URL carries; its media type is not looked at.</summary>
    /// <param name="url"><c>data:image/png;base64,…</c></param>
    /// <param name="options">Limits; <see langword="null"/> for the defaults.</param>
    /// <param name="notice">Told what a person should know, such as that an animation's other frames were left out; may be <see langword="null"/>.</param>
    /// <exception cref="MediaException">The URL is malformed, or what it carries is refused.</exception>
    public static RgbImage ReadDataUrl(string url, MediaOptions? options = null, Action<string>? notice = null)
    {
        ArgumentNullException.ThrowIfNull(url);
        options ??= MediaOptions.Default;
        return Decode(MediaBytes.ReadDataUrl(url, options), "The data URL's picture", options, notice);
    }

    static RgbImage Decode(ReadOnlyMemory<byte> bytes, string name, MediaOptions options, Action<string>? notice)
    {
        MediaFormat format = MediaFormat.Detect(bytes.Span);
        RgbImage image = format == MediaFormat.Gif ? GifDecoder.Decode(bytes.Span, name, options)
            : format == MediaFormat.Png || format == MediaFormat.Jpeg || format == MediaFormat.WebP || format == MediaFormat.Bmp
                ? SkiaDecoder.Decode(bytes, format, name, options, notice)
            : FfmpegPicture.Reads(format) ? FfmpegPicture.Decode(bytes, format, name, options, notice)
            : throw Refusal(format, name);
        if (notice is not null)
        {
            Tell(bytes.Span, format, name, image, notice);
        }

        return image;
    }

    /// <summary>What of a picture the model will not see, or not see as a person does.</summary>
    static void Tell(ReadOnlySpan<byte> bytes, MediaFormat format, string name, RgbImage image, Action<string> notice)
    {
        if (Animation.CountFrames(bytes, format) is int frames and > 1)
        {
            notice($"{name} is an animation: 1 of {frames} frames was taken, the first; pass it as a video (--video) for more of them.");
        }

        if (format.Name == "AVIF" && bytes.Length >= 12 && bytes.Slice(8, 4).SequenceEqual("avis"u8))
        {
            notice($"{name} is an animation: its first frame was taken; pass it as a video (--video) for more of them.");
        }

        // Below this, or beyond, what the model sees of it is a smear: each side becomes 768 pixels.
        const int LeastSide = 16, MostRatio = 20;
        int shorter = Math.Min(image.Width, image.Height), longer = Math.Max(image.Width, image.Height);
        if (shorter < LeastSide || longer > MostRatio * shorter)
        {
            notice(
                $"{name} is {image.Width}×{image.Height} pixels, which the model sees stretched to a square; it can tell little of a side below {LeastSide} "
                    + $"pixels, or of one that is more than {MostRatio} times the other: cut or enlarge the picture.");
        }
    }

    static MediaException Refusal(MediaFormat format, string name) => new(format switch
    {
        { Name: "empty" } => $"{name} is empty; a picture is needed: PNG, JPEG, WebP, GIF or BMP.",
        { Kind: MediaKind.Unknown } => $"{name} is in no format that is known here; save it as PNG, JPEG, WebP, GIF or BMP.",
        { Kind: MediaKind.Image } =>
            $"{name} is {Article(format.Name)} {format.Name} picture, which cannot be decoded here; save it as PNG, JPEG, WebP, GIF or BMP.",
        { Kind: MediaKind.Audio } => $"{name} is {format.Name} sound and a picture is needed; pass it as audio, or give a PNG, JPEG, WebP, GIF or BMP file.",
        { Kind: MediaKind.Video } => $"{name} is {format.Name} video and a picture is needed; pass it as video, or give a PNG, JPEG, WebP, GIF or BMP file.",
        _ => $"{name} is {Article(format.Name)} {format.Name} file and a picture is needed; give a PNG, JPEG, WebP, GIF or BMP file.",
    });

    internal static string Article(string noun) => noun[0] is 'A' or 'E' or 'H' or 'I' or 'M' or 'S' && noun.Length <= 4 && noun != "HEIC" ? "an" : "a";
}
