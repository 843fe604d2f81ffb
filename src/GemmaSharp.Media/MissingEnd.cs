using System.Buffers.Binary;

namespace GemmaSharp.Media;

/// <summary>
/// Pictures whose file stops before its end although no pixel is missing: a JPEG without its end marker, a WebP or BMP without padding.
/// What is lost is put back twice, with different bytes; where both give the same picture, nothing of it was in them.
/// </summary>
internal static class MissingEnd
{
    static readonly byte[] s_filler = [0x5A, 0x93, 0x5A, 0x31, 0x6C, 0x0E, 0xB5, 0x27];

    /// <summary>Whether the header of a WebP or BMP promises bytes beyond the last; a JPEG promises none.</summary>
    public static bool IsShort(ReadOnlySpan<byte> bytes, MediaFormat format) => Lost(bytes, format) > 0;

    /// <summary>Two files that differ in nothing but what was lost; null where too much was, or where a JPEG lacks whole scans.</summary>
    public static (byte[] First, byte[] Second)? Complete(ReadOnlySpan<byte> bytes, MediaFormat format)
    {
        if (format == MediaFormat.Jpeg)
        {
            // The first byte of the marker may still be there.
            bytes = bytes.TrimEnd((byte)0xFF);
            return JpegEnd.Find(bytes) == JpegEnd.State.Missing
                ? ([.. bytes, 0xFF, 0xD9], [.. bytes, .. s_filler, 0xFF, 0xD9])
                : null;
        }

        const int MostLost = 4096;
        long lost = Lost(bytes, format);
        if (lost is <= 0 or > MostLost)
        {
            return null;
        }

        byte[] second = [.. bytes, .. new byte[lost]];
        for (int i = bytes.Length; i < second.Length; i++)
        {
            second[i] = s_filler[(i - bytes.Length) % s_filler.Length];
        }

        return ([.. bytes, .. new byte[lost]], second);
    }

    /// <summary>How many bytes the header promises beyond those that are there.</summary>
    static long Lost(ReadOnlySpan<byte> bytes, MediaFormat format)
    {
        if (format == MediaFormat.WebP && bytes.Length >= 12)
        {
            return BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]) + 8L - bytes.Length;
        }

        if (format == MediaFormat.Bmp && bytes.Length >= 54)
        {
            long offset = BinaryPrimitives.ReadUInt32LittleEndian(bytes[10..]);
            long width = BinaryPrimitives.ReadInt32LittleEndian(bytes[18..]), height = BinaryPrimitives.ReadInt32LittleEndian(bytes[22..]);
            long bits = BinaryPrimitives.ReadUInt16LittleEndian(bytes[28..]);
            bool isPlain = BinaryPrimitives.ReadUInt32LittleEndian(bytes[14..]) >= 40 && BinaryPrimitives.ReadUInt32LittleEndian(bytes[30..]) is 0 or 3;
            return isPlain ? offset + ((((width * bits) + 31) / 32) * 4 * Math.Abs(height)) - bytes.Length : 0;
        }

        return 0;
    }
}
