using SkiaSharp;

namespace GemmaSharp.Cli.Plots;

/// <summary>A picture that is being drawn: white, with a heading. Coordinates are pixels from the upper left corner. Not thread-safe.</summary>
sealed class Sheet : IDisposable
{
    /// <summary>White around everything.</summary>
    public const int Margin = 24;

    /// <summary>Rows of the heading, the first of which may be drawn below.</summary>
    public const int Top = 76;

    /// <summary>Text.</summary>
    public static readonly SKColor Ink = new(0x22, 0x26, 0x2B);

    /// <summary>What is less important.</summary>
    public static readonly SKColor Quiet = new(0x6B, 0x72, 0x7C);

    readonly SKBitmap _bitmap;

    /// <summary>Begins one.</summary>
    /// <param name="width">Columns.</param>
    /// <param name="height">Rows.</param>
    /// <param name="title">The first line of its heading.</param>
    /// <param name="subtitle">The second.</param>
    public Sheet(int width, int height, string title, string subtitle)
    {
        _bitmap = new SKBitmap(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        Canvas = new SKCanvas(_bitmap);
        Canvas.Clear(SKColors.White);
        Text(title, Margin, 34, 20, Ink, width - (2 * Margin));
        Text(subtitle, Margin, 60, 14, Quiet, width - (2 * Margin));
    }

    /// <summary>Where it is drawn.</summary>
    public SKCanvas Canvas { get; }

    /// <summary>Writes a line of text, cut where there is no room for all of it.</summary>
    /// <param name="text">The text.</param>
    /// <param name="x">Where it begins, or its middle or end.</param>
    /// <param name="y">The line it stands on.</param>
    /// <param name="size">Its size.</param>
    /// <param name="color">Its colour.</param>
    /// <param name="room">The widest that it may be.</param>
    /// <param name="align">What <paramref name="x"/> is.</param>
    public void Text(
        string text, float x, float y, float size, SKColor color, float room = float.PositiveInfinity, SKTextAlign align = SKTextAlign.Left)
    {
        using SKFont font = PlotFont.OfSize(size);
        using var paint = new SKPaint { Color = color, IsAntialias = true };
        Canvas.DrawText(Fitted(text, font, room), x, y, align, font, paint);
    }

    /// <summary>Draws a picture.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="place">Where. Enlarged pixels stay squares; what is made smaller is averaged.</param>
    public void Picture(RgbImage image, SKRect place)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(image.Width, image.Height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        Span<byte> rgba = bitmap.GetPixelSpan();
        for (int i = 0; i < image.Width * image.Height; i++)
        {
            image.Pixels.AsSpan(3 * i, 3).CopyTo(rgba[(4 * i)..]);
            rgba[(4 * i) + 3] = byte.MaxValue;
        }

        using var source = SKImage.FromBitmap(bitmap);
        bool isEnlarged = place.Width >= image.Width && place.Height >= image.Height;
        Canvas.DrawImage(
            source, place,
            isEnlarged ? new SKSamplingOptions(SKFilterMode.Nearest) : new SKSamplingOptions(SKFilterMode.Linear, SKMipmapMode.Linear));
    }

    /// <summary>Draws a PNG file at its own size.</summary>
    public void Png(byte[] png, float x, float y)
    {
        using var image = SKImage.FromEncodedData(png);
        Canvas.DrawImage(image, x, y, SKSamplingOptions.Default);
    }

    /// <summary>Fills a rectangle.</summary>
    public void Fill(SKRect place, SKColor color)
    {
        using var paint = new SKPaint { Color = color };
        Canvas.DrawRect(place, paint);
    }

    /// <summary>Draws a rectangle's edge.</summary>
    public void Outline(SKRect place, SKColor color, float width = 1)
    {
        using var paint = new SKPaint { Color = color, Style = SKPaintStyle.Stroke, StrokeWidth = width };
        Canvas.DrawRect(place, paint);
    }

    /// <summary>Draws a line.</summary>
    public void Line(float x0, float y0, float x1, float y1, SKColor color, float width = 1)
    {
        using var paint = new SKPaint { Color = color, StrokeWidth = width };
        Canvas.DrawLine(x0, y0, x1, y1, paint);
    }

    /// <summary>All of it as a PNG file.</summary>
    public byte[] ToPng()
    {
        Canvas.Flush();
        using SKData data = _bitmap.Encode(SKEncodedImageFormat.Png, quality: 100);
        return data.ToArray();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Canvas.Dispose();
        _bitmap.Dispose();
    }

    /// <summary>How wide a line of text is.</summary>
    public static float WidthOf(string text, float size)
    {
        using SKFont font = PlotFont.OfSize(size);
        return font.MeasureText(text);
    }

    static string Fitted(string text, SKFont font, float room)
    {
        if (font.MeasureText(text) <= room)
        {
            return text;
        }

        int length = font.BreakText(text, Math.Max(0, room - font.MeasureText("…")));
        return length > 0 ? text[..length] + "…" : "";
    }
}
