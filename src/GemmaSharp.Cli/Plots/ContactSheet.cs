using SkiaSharp;

namespace GemmaSharp.Cli.Plots;

/// <summary>The sampled frames of a video side by side, as the model sees them.</summary>
static class ContactSheet
{
    const int Cell = 240, Gap = 12, Caption = 22, MostColumns = 6;

    /// <summary>Draws them.</summary>
    /// <param name="name">What the file is called.</param>
    /// <param name="frames">The frames at the size in which the tower gets them, with their times in seconds; at least one.</param>
    /// <param name="size">Width and height of the video's own frames.</param>
    /// <param name="softTokens">Tokens of each.</param>
    /// <returns>A PNG file.</returns>
    public static byte[] Draw(string name, IReadOnlyList<(double Time, RgbImage Seen)> frames, (int Width, int Height) size, int softTokens)
    {
        int columns = Math.Min(MostColumns, Math.Max(3, (int)Math.Ceiling(Math.Sqrt(frames.Count)))), rows = (frames.Count + columns - 1) / columns;
        RgbImage first = frames[0].Seen;
        using var sheet = new Sheet(
            (2 * Sheet.Margin) + (columns * Cell) + ((columns - 1) * Gap), Sheet.Top + (rows * (Cell + Caption + Gap)) + (Sheet.Margin / 2), name,
            FormattableString.Invariant($"{frames.Count} frames of {size.Width} × {size.Height} pixels, seen as {first.Width} × {first.Height}; ")
                + FormattableString.Invariant($"{softTokens} soft tokens each, {frames.Count * softTokens} together"));
        for (int i = 0; i < frames.Count; i++)
        {
            float x = Sheet.Margin + (i % columns * (Cell + Gap)), y = Sheet.Top + (i / columns * (Cell + Caption + Gap));
            var place = new SKRect(x, y, x + Cell, y + Cell);
            sheet.Picture(frames[i].Seen, place);
            sheet.Outline(place, Sheet.Quiet);
            string caption = FormattableString.Invariant($"{i + 1}  ·  {TimeSpan.FromSeconds(frames[i].Time):h\\:mm\\:ss\\.ff}");
            sheet.Text(caption, x + (Cell / 2f), y + Cell + 16, 12, Sheet.Quiet, align: SKTextAlign.Center);
        }

        return sheet.ToPng();
    }
}
