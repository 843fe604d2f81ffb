using System.Buffers.Binary;

namespace GemmaSharp.Media;

/// <summary>Finds the orientation that a PNG carries in its <c>eXIf</c> chunk, which Skia does not read.</summary>
/// <remarks>Source: PNG extensions 1.5.0 §3.7; TIFF 6.0 §2 for the directory inside.</remarks>
internal static class ExifOrientation
{
    const ushort OrientationTag = 0x0112;

    /// <summary>The value of the tag, 1 to 8; 1 where there is none or the data is not understood.</summary>
    public static int OfPng(ReadOnlySpan<byte> png)
    {
        for (PngChunks chunks = new(png); chunks.Next();)
        {
            if (chunks.Type.SequenceEqual("eXIf"u8))
            {
                return OfTiff(chunks.Data);
            }
        }

        return 1;
    }

    /// <summary>The tag in the first directory of a TIFF structure.</summary>
    public static int OfTiff(ReadOnlySpan<byte> tiff)
    {
        bool isLittle = tiff.StartsWith("II"u8);
        ReadOnlySpan<byte> directory = Directory(tiff, FirstDirectory(tiff), out int entries);
        for (int i = 0; i < entries && (12 * i) + 12 <= directory.Length; i++)
        {
            ReadOnlySpan<byte> entry = directory.Slice(12 * i, 12);
            if (UInt16(entry, isLittle) == OrientationTag)
            {
                const int Short = 3;
                int value = UInt16(entry[2..], isLittle) == Short ? UInt16(entry[8..], isLittle) : 1;
                return value is >= 1 and <= 8 ? value : 1;
            }
        }

        return 1;
    }

    /// <summary>The entries of the first directory of a TIFF structure, 12 bytes each, and how many they should be.</summary>
    public static ReadOnlySpan<byte> Entries(ReadOnlySpan<byte> tiff, out int entries) => Directory(tiff, FirstDirectory(tiff), out entries);

    /// <summary>How many directories a TIFF structure has, each of them a picture.</summary>
    public static int CountDirectories(ReadOnlySpan<byte> tiff)
    {
        HashSet<uint> seen = [];
        uint offset = FirstDirectory(tiff);
        while (offset != 0 && seen.Add(offset))
        {
            ReadOnlySpan<byte> directory = Directory(tiff, offset, out int entries);
            offset = directory.Length >= (12 * entries) + 4 ? UInt32(directory[(12 * entries)..], tiff.StartsWith("II"u8)) : 0;
        }

        return seen.Count;
    }

    /// <summary>Where the first directory is; 0 where this is no TIFF structure.</summary>
    static uint FirstDirectory(ReadOnlySpan<byte> tiff)
    {
        bool isLittle = tiff.StartsWith("II*\0"u8);
        return tiff.Length >= 8 && (isLittle || tiff.StartsWith("MM\0*"u8)) ? UInt32(tiff[4..], isLittle) : 0;
    }

    /// <summary>What follows the count of a directory's entries; empty where it lies outside.</summary>
    static ReadOnlySpan<byte> Directory(ReadOnlySpan<byte> tiff, uint offset, out int entries)
    {
        entries = 0;
        if (offset == 0 || tiff.Length < 2 || offset > tiff.Length - 2)
        {
            return [];
        }

        entries = UInt16(tiff[(int)offset..], tiff.StartsWith("II"u8));
        return tiff[((int)offset + 2)..];
    }

    static ushort UInt16(ReadOnlySpan<byte> bytes, bool isLittle) =>
        isLittle ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : BinaryPrimitives.ReadUInt16BigEndian(bytes);

    static uint UInt32(ReadOnlySpan<byte> bytes, bool isLittle) =>
        isLittle ? BinaryPrimitives.ReadUInt32LittleEndian(bytes) : BinaryPrimitives.ReadUInt32BigEndian(bytes);
}
