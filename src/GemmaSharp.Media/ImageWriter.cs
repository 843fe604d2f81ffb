using SkiaSharp;

namespace GemmaSharp.Media;

/// <summary>Writes pictures as files. Stateless; thread-safe.</summary>
public static class ImageWriter
{
    /// <summary>A picture as a PNG file, with every pixel as it is.</summary>
    /// <param name="image">The picture.</param>
    /// <exception cref="MediaException">There is not enough memory for it.</exception>
    public static byte[] ToPng(RgbImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        using SKBitmap bitmap = new();
        if (!bitmap.TryAllocPixels(new SKImageInfo(image.Width, image.Height, SKColorType.Rgba8888, SKAlphaType.Opaque, null)))
        {
            throw ImageLimits.NoMemory(image.Width, image.Height, "The picture");
        }

        Span<byte> rgba = bitmap.GetPixelSpan();
        for (int y = 0, from = 0; y < image.Height; y++)
        {
            Span<byte> row = rgba.Slice(y * bitmap.RowBytes, 4 * image.Width);
            for (int to = 0; to < row.Length; to += 4, from += 3)
            {
                image.Pixels.AsSpan(from, 3).CopyTo(row[to..]);
                row[to + 3] = byte.MaxValue;
            }
        }

        using SKData data = bitmap.Encode(SKEncodedImageFormat.Png, quality: 100) ?? throw ImageLimits.NoMemory(image.Width, image.Height, "The picture");
        return data.ToArray();
    }
}
