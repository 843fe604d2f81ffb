namespace GemmaSharp.Media;

/// <summary>Brings pixels with alpha to RGB.</summary>
internal static class Alpha
{
    /// <summary>Turns a row of red, green, blue and alpha, not premultiplied, into red, green and blue.</summary>
    /// <param name="rgba"><c>[width, 4]</c>.</param>
    /// <param name="rgb"><c>[width, 3]</c>.</param>
    /// <param name="mode">What becomes of the alpha.</param>
    public static void Flatten(ReadOnlySpan<byte> rgba, Span<byte> rgb, AlphaMode mode)
    {
        for (int from = 0, to = 0; from + 3 < rgba.Length; from += 4, to += 3)
        {
            int alpha = mode == AlphaMode.Reference ? 255 : rgba[from + 3];
            rgb[to] = OverWhite(rgba[from], alpha);
            rgb[to + 1] = OverWhite(rgba[from + 1], alpha);
            rgb[to + 2] = OverWhite(rgba[from + 2], alpha);
        }
    }

    /// <summary>Turns a whole picture into RGB.</summary>
    /// <param name="rgba"><c>[height, rowBytes]</c>, of which the first <c>4·width</c> bytes of a row count.</param>
    /// <param name="width">Columns.</param>
    /// <param name="height">Rows.</param>
    /// <param name="rowBytes">From one row to the next.</param>
    /// <param name="mode">What becomes of the alpha.</param>
    public static byte[] Flatten(ReadOnlySpan<byte> rgba, int width, int height, int rowBytes, AlphaMode mode)
    {
        byte[] rgb = new byte[3 * width * height];
        for (int y = 0; y < height; y++)
        {
            Flatten(rgba.Slice(y * rowBytes, 4 * width), rgb.AsSpan(3 * y * width, 3 * width), mode);
        }

        return rgb;
    }

    /// <summary>One channel over white. Source: Pillow <c>AlphaComposite.c</c>, whose 7 more bits and two shifts are a division by 255 that rounds.</summary>
    public static byte OverWhite(int value, int alpha)
    {
        if (alpha == 255)
        {
            return (byte)value;
        }

        int sum = (((value * alpha) + (255 * (255 - alpha))) << 7) + (0x80 << 7);
        return (byte)((((sum >> 8) + sum) >> 8) >> 7);
    }
}
