using SkiaSharp;

namespace GemmaSharp.Media;

/// <summary>Decodes one picture with Skia's codecs, without colour management and without premultiplied alpha.</summary>
internal static class SkiaDecoder
{
    public static RgbImage Decode(ReadOnlyMemory<byte> bytes, MediaFormat format, string name, MediaOptions options)
    {
        using SKData data = SKData.CreateCopy(bytes.Span);
        using SKCodec? codec = SKCodec.Create(data);
        if (codec is null)
        {
            throw Damaged(format, name, SKCodecResult.ErrorInInput);
        }

        int width = codec.Info.Width, height = codec.Info.Height;
        ImageLimits.Check(width, height, name, options);

        // A null colour space means: the stored values as they are, as Pillow gives them.
        SKImageInfo info = new(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul, null);
        using SKBitmap bitmap = new();
        if (!bitmap.TryAllocPixels(info))
        {
            throw ImageLimits.NoMemory(width, height, name);
        }

        SKCodecResult result = codec.GetPixels(info, bitmap.GetPixels());
        if (result != SKCodecResult.Success)
        {
            throw Damaged(format, name, result);
        }

        byte[] pixels = DropAlpha(bitmap.GetPixelSpan(), width, height, bitmap.RowBytes);
        int orientation = format == MediaFormat.Png ? ExifOrientation.OfPng(bytes.Span) : (int)codec.EncodedOrigin;
        return Orientation.Apply(new RgbImage(width, height, pixels), orientation);
    }

    static byte[] DropAlpha(ReadOnlySpan<byte> rgba, int width, int height, int rowBytes)
    {
        byte[] rgb = new byte[3 * width * height];
        for (int y = 0, to = 0; y < height; y++)
        {
            ReadOnlySpan<byte> row = rgba.Slice(y * rowBytes, 4 * width);
            for (int from = 0; from + 3 < row.Length; from += 4, to += 3)
            {
                rgb[to] = row[from];
                rgb[to + 1] = row[from + 1];
                rgb[to + 2] = row[from + 2];
            }
        }

        return rgb;
    }

    static MediaException Damaged(MediaFormat format, string name, SKCodecResult result) => new(result switch
    {
        SKCodecResult.IncompleteInput => $"{name} ends in the middle of its {format.Name} picture and the whole is needed; copy or download the file again.",
        _ => $"{name} begins as {ImageReader.Article(format.Name)} {format.Name} picture but its data is damaged ({result}); open it in an image program and "
            + $"save it anew.",
    });
}
