using System.Buffers.Binary;

namespace GemmaSharp.Media;

/// <summary>Finds the frames of MPEG audio among tags, the rest of a cut frame, and whatever else stands before and between them.</summary>
/// <remarks>
/// Eleven ones are found in any file. So the first frame, and the first after a gap or a change of form, counts only where others follow it at the
/// distance that it says itself.
/// </remarks>
internal ref struct MpegStream(ReadOnlySpan<byte> bytes)
{
    /// <summary>How far into a file its first frame is looked for where nothing else tells that it is MPEG audio.</summary>
    public const int SearchBytes = 1 << 16;

    // So many headers in a row are no chance.
    const int Row = 3;

    // Beyond the largest frame of a free format that encoders write: 640 kbit/s at 32 kHz.
    const int LargestFree = 2882;

    readonly ReadOnlySpan<byte> _bytes = bytes;
    MpegHeader _form;
    bool _hasForm;
    int _freeBytes;
    int _position;
    int _begin = -1;

    /// <summary>Bytes before the first frame that are neither tags nor zeros.</summary>
    public int BytesBefore { get; private set; }

    /// <summary>Such bytes between frames.</summary>
    public int BytesBetween { get; private set; }

    /// <summary>Whether the last frame is not all there.</summary>
    public bool IsCut { get; private set; }

    /// <summary>Whether something was passed over before the last frame that was returned.</summary>
    public bool IsBehindGap { get; private set; }

    /// <summary>Whether frames of MPEG audio begin within the bytes' first part.</summary>
    public static bool IsFound(ReadOnlySpan<byte> bytes)
    {
        MpegStream stream = new(bytes);
        for (int at = 0; at < Math.Min(bytes.Length, SearchBytes); at++)
        {
            int next = bytes[at..].IndexOf((byte)0xFF);
            if (next < 0)
            {
                return false;
            }

            at += next;
            if (at < SearchBytes && MpegHeader.TryRead(bytes[at..], out MpegHeader header) && !header.IsFreeFormat && stream.IsRow(at, header))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The next frame, header and all.</summary>
    /// <returns>False at the end.</returns>
    public bool Next(out MpegHeader header, out ReadOnlySpan<byte> frame)
    {
        int lost = 0;
        while (_position + MpegHeader.Size <= _bytes.Length)
        {
            ReadOnlySpan<byte> rest = _bytes[_position..];
            int tag = lost == 0 || rest[0] is (byte)'I' or (byte)'T' or (byte)'A' or (byte)'L' ? TagBytes(rest) : 0;
            if (tag > 0)
            {
                _position += tag;
                continue;
            }

            _begin = _begin < 0 && rest[0] != 0 ? _position : _begin;
            if (MpegHeader.TryRead(rest, out header) && IsFrame(header, rest, lost > 0))
            {
                int size = Bytes(header);
                if (size > rest.Length)
                {
                    IsCut = true;
                    break;
                }

                IsBehindGap = lost > 0;
                (BytesBefore, BytesBetween) = _hasForm ? (BytesBefore, BytesBetween + lost) : (lost, BytesBetween);
                (_form, _hasForm) = (header, true);
                frame = rest[..size];
                _position += size;
                return true;
            }

            lost += rest[0] != 0 ? 1 : 0;
            _position++;
        }

        _position = _bytes.Length;
        header = default;
        frame = default;
        return false;
    }

    bool IsFrame(MpegHeader header, ReadOnlySpan<byte> rest, bool isBehindGap)
    {
        if (header.IsFreeFormat && !(_hasForm && header.Fits(_form)) && (_position != _begin || !FindFree(header, rest)))
        {
            // Where the distance of such frames is unknown, only the beginning of the sound may tell it.
            return false;
        }

        if (_hasForm && header.Fits(_form))
        {
            return !isBehindGap || IsRow(_position, header, 2);
        }

        return IsRow(_position, header, _position == _begin ? 2 : Row)
            || (_position == _begin && Bytes(header) <= rest.Length && Mp3Tag.TryRead(header, rest[..Bytes(header)], out _));
    }

    /// <summary>Whether so many headers follow each other, or frames up to the end of all.</summary>
    readonly bool IsRow(int at, MpegHeader first, int count = Row)
    {
        MpegHeader header = first;
        for (int seen = 1; ; seen++)
        {
            ReadOnlySpan<byte> rest = _bytes[at..];
            int size = Bytes(header);
            if (size < header.HeadBytes + (header.Layer == 3 ? header.SideBytes : 0))
            {
                return false;
            }

            if (seen == count)
            {
                return true;
            }

            at += size;
            if (size >= rest.Length || (TagBytes(rest[size..]) is int tag && tag > 0 && size + tag >= rest.Length))
            {
                // Fewer at the very end are believed where one was believed before, or where they are not alone.
                return size <= rest.Length && seen >= count - 1;
            }

            if (!MpegHeader.TryRead(rest[size..], out header) || !header.Fits(first))
            {
                return false;
            }
        }
    }

    readonly int Bytes(MpegHeader header) => header.Bytes + (header.IsFreeFormat ? _freeBytes : 0);

    /// <summary>Finds how far the frames of a free format lie apart.</summary>
    bool FindFree(MpegHeader first, ReadOnlySpan<byte> rest)
    {
        int least = first.HeadBytes + (first.Layer == 3 ? first.SideBytes : 0);
        for (int distance = least; distance < Math.Min(LargestFree, rest.Length); distance++)
        {
            if (rest[distance] == 0xFF && MpegHeader.TryRead(rest[distance..], out MpegHeader second) && second.Fits(first))
            {
                _freeBytes = distance - first.Bytes;
                if (IsRow(_position, first))
                {
                    return true;
                }
            }
        }

        _freeBytes = 0;
        return false;
    }

    /// <summary>Bytes of a tag at the beginning; 0 where there is none.</summary>
    static int TagBytes(ReadOnlySpan<byte> bytes)
    {
        long size = 0;
        if (bytes.StartsWith("ID3"u8) && bytes.Length >= 10 && ((bytes[6] | bytes[7] | bytes[8] | bytes[9]) & 0x80) == 0)
        {
            const int FooterFlag = 0x10;
            size = 10 + ((bytes[6] << 21) | (bytes[7] << 14) | (bytes[8] << 7) | bytes[9]) + ((bytes[5] & FooterFlag) != 0 ? 10 : 0);
        }
        else if (bytes.StartsWith("TAG+"u8))
        {
            size = 227;
        }
        else if (bytes.StartsWith("TAG"u8) && bytes.Length >= 128)
        {
            size = 128;
        }
        else if (bytes.StartsWith("APETAGEX"u8) && bytes.Length >= 32)
        {
            // The size counts the entries and the footer, and the tag begins with a header, or is the footer of entries passed over.
            const uint HeaderFlag = 1u << 29;
            bool isHeader = (BinaryPrimitives.ReadUInt32LittleEndian(bytes[20..]) & HeaderFlag) != 0;
            size = 32 + (isHeader ? BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]) : 0L);
        }
        else if (bytes.StartsWith("LYRICSBEGIN"u8))
        {
            int end = bytes.IndexOf("LYRICS200"u8);
            end = end < 0 ? bytes.IndexOf("LYRICSEND"u8) : end;
            size = end < 0 ? 0 : end + 9;
        }

        return (int)Math.Min(size, bytes.Length);
    }
}
