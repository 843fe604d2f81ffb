using System.Buffers.Binary;

namespace GemmaSharp.Media;

/// <summary>The head of an Ogg page.</summary>
/// <param name="IsGood">Whether the whole page is there and its checksum is right.</param>
/// <param name="Size">Bytes of the page.</param>
/// <param name="Head">Bytes before its data.</param>
/// <param name="Flags">1: goes on with a packet; 2: first of its stream; 4: last of its stream.</param>
/// <param name="Granule">For sound, samples up to the end of its last packet; −1 where none ends in it.</param>
/// <param name="Serial">Number of the stream.</param>
/// <param name="Number">Number of the page in its stream.</param>
/// <remarks>Source: RFC 3533 §6.</remarks>
internal readonly record struct OggPage(bool IsGood, int Size, int Head, byte Flags, long Granule, uint Serial, uint Number)
{
    /// <summary>Bytes before the table of segments.</summary>
    public const int HeaderBytes = 27;

    static readonly uint[] s_table = [.. Enumerable.Range(0, 256).Select(i => Shift((uint)i << 24))];

    /// <summary>Whether it begins with the rest of a packet.</summary>
    public bool Continues => (Flags & 1) != 0;

    /// <summary>Whether a stream begins with it.</summary>
    public bool IsFirst => (Flags & 2) != 0;

    /// <summary>Whether a stream ends with it.</summary>
    public bool IsLast => (Flags & 4) != 0;

    /// <summary>Where the next page may begin; −1 where none does.</summary>
    public static int Find(ReadOnlySpan<byte> bytes, int from)
    {
        int found = from > bytes.Length ? -1 : bytes[from..].IndexOf("OggS"u8);
        return found < 0 || from + found + HeaderBytes > bytes.Length ? -1 : from + found;
    }

    /// <summary>Reads the page at a place that <see cref="Find"/> gave.</summary>
    public static OggPage Read(ReadOnlySpan<byte> bytes, int at)
    {
        ReadOnlySpan<byte> page = bytes[at..];
        int head = HeaderBytes + page[26], size = head;
        for (int i = HeaderBytes; i < head && i < page.Length; i++)
        {
            size += page[i];
        }

        bool isGood = size <= page.Length && Crc(page[..size]) == BinaryPrimitives.ReadUInt32LittleEndian(page[22..]);
        return new(
            isGood, size, head, page[5], BinaryPrimitives.ReadInt64LittleEndian(page[6..]), BinaryPrimitives.ReadUInt32LittleEndian(page[14..]),
            BinaryPrimitives.ReadUInt32LittleEndian(page[18..]));
    }

    static uint Crc(ReadOnlySpan<byte> page)
    {
        uint crc = 0;
        for (int i = 0; i < page.Length; i++)
        {
            // The checksum's own four bytes count as zero.
            byte value = i is >= 22 and < 26 ? (byte)0 : page[i];
            crc = (crc << 8) ^ s_table[(crc >> 24) ^ value];
        }

        return crc;
    }

    static uint Shift(uint value)
    {
        for (int bit = 0; bit < 8; bit++)
        {
            value = (value << 1) ^ ((value & 0x8000_0000) != 0 ? 0x04C1_1DB7u : 0);
        }

        return value;
    }
}
