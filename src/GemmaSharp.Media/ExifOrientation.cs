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
        ReadOnlySpan<byte> rest = png[Math.Min(8, png.Length)..];
        while (rest.Length >= 12)
        {
            uint length = BinaryPrimitives.ReadUInt32BigEndian(rest);
            if (length > rest.Length - 12)
            {
                break;
            }

            if (rest.Slice(4, 4).SequenceEqual("eXIf"u8))
            {
                return OfTiff(rest.Slice(8, (int)length));
            }

            rest = rest[((int)length + 12)..];
        }

        return 1;
    }

    /// <summary>The tag in the first directory of a TIFF structure.</summary>
    public static int OfTiff(ReadOnlySpan<byte> tiff)
    {
        bool isLittle = tiff.StartsWith("II*\0"u8);
        if (tiff.Length < 8 || !(isLittle || tiff.StartsWith("MM\0*"u8)))
        {
            return 1;
        }

        uint offset = UInt32(tiff[4..], isLittle);
        if (offset > tiff.Length - 2)
        {
            return 1;
        }

        ReadOnlySpan<byte> directory = tiff[(int)offset..];
        int entries = UInt16(directory, isLittle);
        for (int i = 0; i < entries && (12 * i) + 14 <= directory.Length; i++)
        {
            ReadOnlySpan<byte> entry = directory.Slice(2 + (12 * i), 12);
            if (UInt16(entry, isLittle) == OrientationTag)
            {
                const int Short = 3;
                int value = UInt16(entry[2..], isLittle) == Short ? UInt16(entry[8..], isLittle) : 1;
                return value is >= 1 and <= 8 ? value : 1;
            }
        }

        return 1;
    }

    static ushort UInt16(ReadOnlySpan<byte> bytes, bool isLittle) =>
        isLittle ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : BinaryPrimitives.ReadUInt16BigEndian(bytes);

    static uint UInt32(ReadOnlySpan<byte> bytes, bool isLittle) =>
        isLittle ? BinaryPrimitives.ReadUInt32LittleEndian(bytes) : BinaryPrimitives.ReadUInt32BigEndian(bytes);
}
