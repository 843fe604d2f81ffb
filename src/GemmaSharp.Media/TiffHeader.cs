using System.Buffers.Binary;
using System.IO.Compression;

namespace GemmaSharp.Media;

/// <summary>What the first directory of a TIFF says and ffmpeg does not heed: it makes a black picture of tiles and of JPEG inside, without a word.</summary>
/// <remarks>Source: TIFF 6.0, §8 (strips), §15 (tiles), §22 (JPEG); technical note 2.</remarks>
internal static class TiffHeader
{
    const int Compression = 259, StripOffsets = 273, StripByteCounts = 279, TileWidth = 322, TileOffsets = 324;
    const int OldJpeg = 6, Jpeg = 7, Deflate = 8, OldDeflate = 32946;

    /// <summary>Why the picture would not come out whole; null where nothing stands against it.</summary>
    public static string? Problem(ReadOnlySpan<byte> tiff)
    {
        bool isLittle = tiff.StartsWith("II"u8);
        ReadOnlySpan<byte> directory = ExifOrientation.Entries(tiff, out int entries);
        long[]? offsets = null, lengths = null;
        bool isDeflated = false;
        for (int i = 0; i < entries && (12 * i) + 12 <= directory.Length; i++)
        {
            ReadOnlySpan<byte> entry = directory.Slice(12 * i, 12);
            int tag = Short(entry);
            switch (tag)
            {
                case Compression when Short(entry[8..]) is OldJpeg or Jpeg:
                    return "with JPEG inside, which ffmpeg does not decode rightly";
                case Compression:
                    isDeflated = Short(entry[8..]) is Deflate or OldDeflate;
                    break;
                case TileWidth or TileOffsets:
                    return "in tiles, which ffmpeg does not decode rightly";
                case StripOffsets:
                    offsets = Numbers(tiff, entry);
                    break;
                case StripByteCounts:
                    lengths = Numbers(tiff, entry);
                    break;
            }

            int Short(ReadOnlySpan<byte> bytes) => isLittle ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : BinaryPrimitives.ReadUInt16BigEndian(bytes);
        }

        if (offsets is null || lengths is null)
        {
            return null;
        }

        for (int i = 0; i < Math.Min(offsets.Length, lengths.Length); i++)
        {
            if (offsets[i] == 0 || lengths[i] == 0 || offsets[i] + lengths[i] > tiff.Length)
            {
                return "that ends in the middle of its picture, of which the whole is needed: copy or download the file again";
            }

            if (isDeflated && !IsWhole(tiff.Slice((int)offsets[i], (int)lengths[i])))
            {
                return "whose data is damaged or ends early: copy or download the file again";
            }
        }

        return null;
    }

    /// <summary>Whether what is compressed ends as it should, with the checksum of what it holds, which ffmpeg does not look at.</summary>
    static bool IsWhole(ReadOnlySpan<byte> strip)
    {
        const long Most = 1L << 32;
        try
        {
            using ZLibStream stream = new(new MemoryStream(strip.ToArray()), CompressionMode.Decompress);
            byte[] buffer = new byte[65_536];
            long total = 0;
            for (int read = stream.Read(buffer); read > 0 && total < Most; read = stream.Read(buffer))
            {
                total += read;
            }

            return true;
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }

    /// <summary>The numbers of an entry, of 16 or 32 bits; null where they lie outside of the file.</summary>
    static long[]? Numbers(ReadOnlySpan<byte> tiff, ReadOnlySpan<byte> entry)
    {
        bool isLittle = tiff.StartsWith("II"u8);
        int type = isLittle ? BinaryPrimitives.ReadUInt16LittleEndian(entry[2..]) : BinaryPrimitives.ReadUInt16BigEndian(entry[2..]);
        long count = Long(entry[4..]), size = type == 3 ? 2 : type == 4 ? 4 : 0, at = Long(entry[8..]);
        if (size == 0 || count > tiff.Length)
        {
            return null;
        }

        ReadOnlySpan<byte> values = entry[8..];
        if (count * size > 4)
        {
            if (at + (count * size) > tiff.Length)
            {
                return null;
            }

            values = tiff.Slice((int)at, (int)(count * size));
        }

        long[] numbers = new long[count];
        for (int i = 0; i < numbers.Length; i++)
        {
            ReadOnlySpan<byte> value = values[(int)(i * size)..];
            numbers[i] = size == 4 ? Long(value)
                : isLittle ? BinaryPrimitives.ReadUInt16LittleEndian(value) : BinaryPrimitives.ReadUInt16BigEndian(value);
        }

        return numbers;

        long Long(ReadOnlySpan<byte> bytes) => isLittle ? BinaryPrimitives.ReadUInt32LittleEndian(bytes) : BinaryPrimitives.ReadUInt32BigEndian(bytes);
    }
}
