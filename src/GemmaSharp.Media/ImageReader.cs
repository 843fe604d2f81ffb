namespace GemmaSharp.Media;

/// <summary>
/// Decodes PNG, JPEG, WebP, GIF and BMP to RGB as Pillow does: EXIF orientation applied, alpha dropped rather than
/// composited, palettes looked up, gray replicated, the high byte of 16 bits, the first frame of an animation.
/// </summary>
/// <remarks>Recognises the format by content. Stateless; thread-safe. Nothing is allocated for pixels before the header's sides are checked.</remarks>
public static class ImageReader
{
    /// <summary>Decodes a file.</summary>
    /// <param name="path">Where it is.</param>
    /// <param name="options">Limits; <see langword="null"/> for the defaults.</param>
    /// <exception cref="MediaException">The file is missing, too large, damaged or in a format that is not decoded here.</exception>
    public static RgbImage Read(string path, MediaOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        options ??= MediaOptions.Default;
        return Decode(MediaBytes.ReadFile(path, options), Path.GetFileName(path), options);
    }

    /// <summary>Decodes what a stream holds from its position on.</summary>
    /// <param name="stream">Read to its end; not closed.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="options">Limits; <see langword="null"/> for the defaults.</param>
    /// <exception cref="MediaException">The stream is too large, damaged or in a format that is not decoded here.</exception>
    public static RgbImage Read(Stream stream, string name = "The stream", MediaOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        options ??= MediaOptions.Default;
        return Decode(MediaBytes.ReadStream(stream, name, options), name, options);
    }

    /// <summary>Decodes a file held in memory.</summary>
    /// <param name="bytes">The whole file.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="options">Limits; <see langword="null"/> for the defaults.</param>
    /// <exception cref="MediaException">The bytes are too many, damaged or in a format that is not decoded here.</exception>
    public static RgbImage Read(ReadOnlyMemory<byte> bytes, string name = "The picture", MediaOptions? options = null)
    {
        options ??= MediaOptions.Default;
        return bytes.Length > options.MaxFileBytes
            ? throw MediaBytes.TooLarge(name, bytes.Length, options)
            : Decode(bytes, name, options);
    }

    /// <summary>Decodes the picture that a <c>data:</c> URL carries; its media type is not looked at.</summary>
    /// <param name="url"><c>data:image/png;base64,…</c></param>
    /// <param name="options">Limits; <see langword="null"/> for the defaults.</param>
    /// <exception cref="MediaException">The URL is malformed, or what it carries is refused.</exception>
    public static RgbImage ReadDataUrl(string url, MediaOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(url);
        options ??= MediaOptions.Default;
        return Decode(MediaBytes.ReadDataUrl(url, options), "The data URL's picture", options);
    }

    static RgbImage Decode(ReadOnlyMemory<byte> bytes, string name, MediaOptions options)
    {
        MediaFormat format = MediaFormat.Detect(bytes.Span);
        return format == MediaFormat.Gif ? GifDecoder.Decode(bytes.Span, name, options)
            : format == MediaFormat.Png || format == MediaFormat.Jpeg || format == MediaFormat.WebP || format == MediaFormat.Bmp
                ? SkiaDecoder.Decode(bytes, format, name, options)
            : throw Refusal(format, name);
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
