using System.Globalization;

namespace GemmaSharp.Media;

/// <summary>Reads pictures with transparency one after the other in the form in which ffmpeg passes frames on (PAM, <c>RGB_ALPHA</c>, 8 bits).</summary>
/// <remarks>Source: Netpbm, <c>pam</c> format.</remarks>
internal static class PamReader
{
    /// <summary>The next picture; <see langword="null"/> at the end of the stream, also where it comes in the middle of a picture.</summary>
    public static RgbImage? Read(Stream stream, string name, MediaOptions options)
    {
        int width = 0, height = 0, depth = 0, most = 0;
        if (Line(stream) != "P7")
        {
            return null;
        }

        for (string line = Line(stream); line != "ENDHDR"; line = Line(stream))
        {
            int space = line.IndexOf(' ', StringComparison.Ordinal);
            if (space < 0)
            {
                return null;
            }

            _ = int.TryParse(line.AsSpan(space + 1), CultureInfo.InvariantCulture, out int number);
            switch (line[..space])
            {
                case "WIDTH": width = number; break;
                case "HEIGHT": height = number; break;
                case "DEPTH": depth = number; break;
                case "MAXVAL": most = number; break;
            }
        }

        if (depth != 4 || most != 255)
        {
            return null;
        }

        ImageLimits.Check(width, height, name, options);
        int factor = Reduction.Factor(width, height);
        BoxAverage? means = factor > 1 ? new(width, height, factor) : null;
        byte[] rgba = new byte[4 * width], pixels = new byte[3 * width * (factor > 1 ? 1 : height)];
        for (int y = 0; y < height; y++)
        {
            if (PcmStream.Fill(stream, rgba) < rgba.Length)
            {
                return null;
            }

            Span<byte> row = factor > 1 ? pixels : pixels.AsSpan(3 * y * width, 3 * width);
            Alpha.Flatten(rgba, row, options.Alpha);
            means?.AddRow(y, row);
        }

        return means?.ToImage() ?? new RgbImage(width, height, pixels);
    }

    static string Line(Stream stream)
    {
        Span<char> line = stackalloc char[64];
        for (int length = 0; length < line.Length; length++)
        {
            int next = stream.ReadByte();
            if (next is < 0 or '\n')
            {
                return line[..length].ToString();
            }

            line[length] = (char)next;
        }

        return "";
    }
}
