namespace GemmaSharp.Media;

/// <summary>Turns and mirrors a picture as its EXIF orientation says.</summary>
internal static class Orientation
{
    /// <summary>The picture upright.</summary>
    /// <param name="image">The stored picture, H×W.</param>
    /// <param name="value">EXIF tag 0x0112, 1 to 8; anything else leaves the picture as it is.</param>
    public static RgbImage Apply(RgbImage image, int value)
    {
        if (value is < 2 or > 8)
        {
            return image;
        }

        int w = image.Width, h = image.Height;
        bool turned = value >= 5;
        int width = turned ? h : w, height = turned ? w : h;
        byte[] pixels = new byte[image.Pixels.Length];
        for (int y = 0, to = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++, to += 3)
            {
                (int row, int column) = value switch
                {
                    2 => (y, w - 1 - x),
                    3 => (h - 1 - y, w - 1 - x),
                    4 => (h - 1 - y, x),
                    5 => (x, y),
                    6 => (h - 1 - x, y),
                    7 => (h - 1 - x, w - 1 - y),
                    _ => (x, w - 1 - y),
                };
                int from = 3 * ((row * w) + column);
                pixels[to] = image.Pixels[from];
                pixels[to + 1] = image.Pixels[from + 1];
                pixels[to + 2] = image.Pixels[from + 2];
            }
        }

        return new RgbImage(width, height, pixels);
    }
}
