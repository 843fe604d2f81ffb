using SkiaSharp;

namespace GemmaSharp.Cli.Plots;

/// <summary>A picture as the model sees it, with the cells that become its soft tokens.</summary>
static class PictureView
{
    /// <summary>The picture is enlarged to at least this side.</summary>
    const int LeastSide = 768;

    const int Ruler = 28;

    static readonly SKColor s_light = new(255, 255, 255, 110), s_dark = new(0, 0, 0, 110);

    /// <summary>Draws it.</summary>
    /// <param name="name">What the file is called.</param>
    /// <param name="original">The picture as it was read.</param>
    /// <param name="seen">The same at the size in which the tower gets it.</param>
    /// <param name="softTokens">Tokens it becomes; a square number.</param>
    /// <returns>A PNG file.</returns>
    public static byte[] Draw(string name, RgbImage original, RgbImage seen, int softTokens)
    {
        int cells = (int)Math.Sqrt(softTokens), scale = Math.Max(1, (LeastSide + Math.Max(seen.Width, seen.Height) - 1) / Math.Max(seen.Width, seen.Height));
        float width = seen.Width * scale, height = seen.Height * scale, cellWidth = width / cells, cellHeight = height / cells;
        using var sheet = new Sheet(
            (int)width + (2 * Sheet.Margin) + Ruler, (int)height + Sheet.Top + Ruler + Sheet.Margin, name,
            FormattableString.Invariant($"{original.Width} × {original.Height} pixels, seen as {seen.Width} × {seen.Height}: {softTokens} soft tokens, ")
                + FormattableString.Invariant($"{cells} × {cells} cells of {(float)seen.Width / cells:0.##} × {(float)seen.Height / cells:0.##} pixels"));
        const float Left = Sheet.Margin + Ruler, Top = Sheet.Top + Ruler;
        sheet.Picture(seen, new SKRect(Left, Top, Left + width, Top + height));
        for (int i = 0; i <= cells; i++)
        {
            // A light line beside a dark one is seen on every picture.
            float x = MathF.Round(Left + (i * cellWidth)) + 0.5f, y = MathF.Round(Top + (i * cellHeight)) + 0.5f;
            sheet.Line(x, Top, x, Top + height, s_light);
            sheet.Line(x + 1, Top, x + 1, Top + height, s_dark);
            sheet.Line(Left, y, Left + width, y, s_light);
            sheet.Line(Left, y + 1, Left + width, y + 1, s_dark);
        }

        for (int i = 0; i < cells; i++)
        {
            // Above a column its number, and beside a row its first token.
            sheet.Text(FormattableString.Invariant($"{i}"), Left + ((i + 0.5f) * cellWidth), Top - 8, 11, Sheet.Quiet, align: SKTextAlign.Center);
            sheet.Text(
                FormattableString.Invariant($"{i * cells}"), Left - 7, Top + ((i + 0.5f) * cellHeight) + 4, 11, Sheet.Quiet, align: SKTextAlign.Right);
        }

        return sheet.ToPng();
    }
}
