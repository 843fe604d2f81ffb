using System.Globalization;

namespace GemmaSharp.Media;

/// <summary>Reads binary PPM pictures one after the other, which is how ffmpeg passes frames on.</summary>
internal static class PpmReader
{
    /// <summary>The next picture; <see langword="null"/> at the end of the stream, also where it comes in the middle of a picture.</summary>
    public static RgbImage? Read(Stream stream, string name, MediaOptions options)
    {
        if (Word(stream) != "P6"
            || !int.TryParse(Word(stream), CultureInfo.InvariantCulture, out int width)
            || !int.TryParse(Word(stream), CultureInfo.InvariantCulture, out int height)
            || Word(stream) != "255")
        {
            return null;
        }

        ImageLimits.Check(width, height, name, options);
        byte[] pixels = new byte[3 * width * height];
        return PcmStream.Fill(stream, pixels) == pixels.Length ? new RgbImage(width, height, pixels) : null;
    }

    static string Word(Stream stream)
    {
        Span<char> word = stackalloc char[12];
        for (int length = 0; length < word.Length; length++)
        {
            int next = stream.ReadByte();
            if (next is < 0 or ' ' or '\n' or '\r' or '\t')
            {
                return word[..length].ToString();
            }

            word[length] = (char)next;
        }

        return "";
    }
}
