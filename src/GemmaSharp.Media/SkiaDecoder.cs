using SkiaSharp;

namespace GemmaSharp.Media;

/// <summary>Decodes one picture with Skia's codecs, without colour management and without premultiplied alpha.</summary>
internal static class SkiaDecoder
{
    public static RgbImage Decode(ReadOnlyMemory<byte> bytes, MediaFormat format, string name, MediaOptions options, Action<string>? notice)
    {
        // Every marker of a JPEG is looked at for this, so once.
        JpegEnd.State end = format == MediaFormat.Jpeg ? JpegEnd.Find(bytes.Span) : JpegEnd.State.Found;
        bool isCut = end == JpegEnd.State.Missing || MissingEnd.IsShort(bytes.Span, format);
        if (end == JpegEnd.State.Early)
        {
            throw Damaged(format, name, SKCodecResult.IncompleteInput);
        }

        RgbImage? image = null;
        SKCodecResult result = SKCodecResult.IncompleteInput;
        if (!isCut || format != MediaFormat.Jpeg)
        {
            (image, result) = Pixels(bytes.Span, format, name, options);
        }

        if (image is null && isCut && result == SKCodecResult.IncompleteInput && MissingEnd.Complete(bytes.Span, format) is (byte[] first, byte[] second))
        {
            (image, result) = Pixels(first, format, name, options);
            if (image is null || Pixels(second, format, name, options).Image is not { } other || !image.Pixels.AsSpan().SequenceEqual(other.Pixels))
            {
                throw Damaged(format, name, SKCodecResult.IncompleteInput);
            }

            notice?.Invoke($"{name} lacks the last bytes of its {format.Name} file; the picture itself is whole.");
        }

        return image is null ? throw Damaged(format, name, result)
            : format == MediaFormat.Png ? Orientation.Apply(image, ExifOrientation.OfPng(bytes.Span)) : image;
    }

    /// <summary>The red, green, blue and alpha of a PNG of known sides, <c>[height, width, 4]</c>; null where it cannot be read.</summary>
    public static byte[]? Rgba(ReadOnlySpan<byte> png, int width, int height)
    {
        using SKData data = SKData.CreateCopy(png);
        using SKCodec? codec = SKCodec.Create(data);
        SKImageInfo info = new(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul, null);
        using SKBitmap bitmap = new();
        return codec is not null && codec.Info.Width == width && codec.Info.Height == height && bitmap.TryAllocPixels(info)
            && codec.GetPixels(info, bitmap.GetPixels()) == SKCodecResult.Success ? bitmap.GetPixelSpan().ToArray() : null;
    }

    /// <summary>The picture, upright except for a PNG, or why there is none.</summary>
    static (RgbImage? Image, SKCodecResult Result) Pixels(ReadOnlySpan<byte> bytes, MediaFormat format, string name, MediaOptions options)
    {
        using SKData data = SKData.CreateCopy(bytes);
        using SKCodec? codec = SKCodec.Create(data);
        if (codec is null)
        {
            return (null, SKCodecResult.ErrorInInput);
        }

        int width = codec.Info.Width, height = codec.Info.Height;
        ImageLimits.Check(width, height, name, options);
        int factor = Reduction.Factor(width, height);
        if (factor > 1 && format == MediaFormat.Png)
        {
            return (PngReducer.Decode(bytes.ToArray(), factor, name, options.Alpha), SKCodecResult.Success);
        }

        (RgbImage? image, SKCodecResult result) = factor > 1 && format == MediaFormat.Bmp
            ? Rows(codec, factor, name, options) : Whole(codec, factor, name, options);
        return (image is not null && format != MediaFormat.Png ? Orientation.Apply(image, (int)codec.EncodedOrigin) : image, result);
    }

    /// <summary>Decodes at once, reduced where the format can be decoded so.</summary>
    static (RgbImage? Image, SKCodecResult Result) Whole(SKCodec codec, int factor, string name, MediaOptions options)
    {
        int width = codec.Info.Width, height = codec.Info.Height;
        if (factor > 1)
        {
            // JPEG knows eighths and rounds to the nearest of them; nothing below an eighth.
            SKSizeI size = codec.GetScaledDimensions(1f / factor);
            (width, height) = (size.Width, size.Height);
            ImageLimits.CheckWhole(width, height, name);
        }

        // A null colour space means: the stored values as they are, as Pillow gives them.
        SKImageInfo info = new(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul, null);
        using SKBitmap bitmap = new();
        if (!bitmap.TryAllocPixels(info))
        {
            throw ImageLimits.NoMemory(width, height, name);
        }

        SKCodecResult result = codec.GetPixels(info, bitmap.GetPixels());
        return result == SKCodecResult.Success
            ? (new RgbImage(width, height, Alpha.Flatten(bitmap.GetPixelSpan(), width, height, bitmap.RowBytes, Mode(codec, bitmap, options))), result)
            : (null, result);
    }

    /// <summary>Decodes row by row into means of boxes.</summary>
    static (RgbImage? Image, SKCodecResult Result) Rows(SKCodec codec, int factor, string name, MediaOptions options)
    {
        int width = codec.Info.Width, height = codec.Info.Height;
        SKImageInfo info = new(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul, null);
        SKCodecResult result = codec.StartScanlineDecode(info);
        if (result != SKCodecResult.Success)
        {
            return (null, result);
        }

        using SKBitmap bitmap = new();
        if (!bitmap.TryAllocPixels(info.WithSize(width, 1)))
        {
            throw ImageLimits.NoMemory(width, 1, name);
        }

        BoxAverage means = new(width, height, factor);
        byte[] rgb = new byte[3 * width];
        for (int row = 0; row < height; row++)
        {
            int y = codec.GetOutputScanline(row);
            if (codec.GetScanlines(bitmap.GetPixels(), 1, bitmap.RowBytes) != 1)
            {
                return (null, SKCodecResult.IncompleteInput);
            }

            Alpha.Flatten(bitmap.GetPixelSpan()[..(4 * width)], rgb, options.Alpha);
            means.AddRow(y, rgb);
        }

        return (means.ToImage(), SKCodecResult.Success);
    }

    /// <summary>Many programs leave the alpha of a BMP at 0 throughout and mean a picture that is opaque.</summary>
    static AlphaMode Mode(SKCodec codec, SKBitmap bitmap, MediaOptions options) =>
        codec.Info.AlphaType == SKAlphaType.Opaque || (codec.EncodedFormat == SKEncodedImageFormat.Bmp && IsClear(bitmap.GetPixelSpan()))
            ? AlphaMode.Reference : options.Alpha;

    static bool IsClear(ReadOnlySpan<byte> rgba)
    {
        for (int i = 3; i < rgba.Length; i += 4)
        {
            if (rgba[i] != 0)
            {
                return false;
            }
        }

        return true;
    }

    static MediaException Damaged(MediaFormat format, string name, SKCodecResult result) => new(result switch
    {
        SKCodecResult.IncompleteInput => $"{name} ends in the middle of its {format.Name} picture and the whole is needed; copy or download the file again.",
        _ => $"{name} begins as {ImageReader.Article(format.Name)} {format.Name} picture but its data is damaged ({result}); open it in an image program and "
            + $"save it anew.",
    });
}
