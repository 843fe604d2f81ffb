using System.Buffers.Binary;

namespace GemmaSharp.Media;

/// <summary>Takes the packets of one stream out of an Ogg file; pages with a wrong checksum are passed over.</summary>
/// <remarks>Source: RFC 3533.</remarks>
internal sealed class OggReader(ReadOnlyMemory<byte> bytes)
{
    const int HeaderBytes = 27;

    readonly List<byte> _partial = [];
    readonly Queue<byte[]> _packets = new();
    int _position;
    uint _serial;
    bool _hasSerial;

    /// <summary>Pages of the stream that were lost.</summary>
    public int LostPages { get; private set; }

    /// <summary>The last page's granule position: for sound, samples up to its end. −1 where unknown.</summary>
    public long Granule { get; private set; } = -1;

    /// <summary>Whether the stream's last page was seen.</summary>
    public bool IsEnded { get; private set; }

    /// <summary>Whether another stream begins behind the end of this one.</summary>
    public bool HasAnother { get; private set; }

    /// <summary>The next packet of the file's first stream; <see langword="null"/> at its end.</summary>
    public byte[]? Next()
    {
        while (_packets.Count == 0)
        {
            if (IsEnded || !NextPage())
            {
                return null;
            }
        }

        return _packets.Dequeue();
    }

    bool NextPage()
    {
        ReadOnlySpan<byte> all = bytes.Span;
        while (_position + HeaderBytes <= all.Length)
        {
            int found = all[_position..].IndexOf("OggS"u8);
            if (found < 0 || _position + found + HeaderBytes > all.Length)
            {
                break;
            }

            LostPages += found > 0 ? 1 : 0;
            _position += found;
            ReadOnlySpan<byte> page = all[_position..];
            int segments = page[26], head = HeaderBytes + segments;
            int size = head;
            for (int i = 0; i < segments && HeaderBytes + i < page.Length; i++)
            {
                size += page[HeaderBytes + i];
            }

            if (size > page.Length || Crc(page[..size]) != BinaryPrimitives.ReadUInt32LittleEndian(page[22..]))
            {
                LostPages++;
                _position += 4;
                continue;
            }

            _position += size;
            uint serial = BinaryPrimitives.ReadUInt32LittleEndian(page[14..]);
            if (!_hasSerial)
            {
                (_serial, _hasSerial) = (serial, true);
            }

            if (serial == _serial)
            {
                Take(page[..size], head);
                return true;
            }
        }

        _position = all.Length;
        return false;
    }

    void Take(ReadOnlySpan<byte> page, int head)
    {
        byte flags = page[5];
        long granule = BinaryPrimitives.ReadInt64LittleEndian(page[6..]);
        bool continues = (flags & 1) != 0;
        bool isBroken = continues && _partial.Count == 0;
        if (!continues)
        {
            _partial.Clear();
        }

        ReadOnlySpan<byte> data = page[head..];
        foreach (byte length in page[HeaderBytes..head])
        {
            _partial.AddRange(data[..length]);
            data = data[length..];
            if (length < 255)
            {
                // The rest of a packet whose beginning was lost is of no use.
                if (!isBroken)
                {
                    _packets.Enqueue([.. _partial]);
                }

                isBroken = false;
                _partial.Clear();
            }
        }

        Granule = granule >= 0 ? granule : Granule;
        if ((flags & 4) != 0)
        {
            IsEnded = true;
            HasAnother = bytes.Span[_position..].IndexOf("OggS"u8) >= 0;
        }
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

    static readonly uint[] s_table = [.. Enumerable.Range(0, 256).Select(i => Shift((uint)i << 24))];

    static uint Shift(uint value)
    {
        for (int bit = 0; bit < 8; bit++)
        {
            value = (value << 1) ^ ((value & 0x8000_0000) != 0 ? 0x04C1_1DB7u : 0);
        }

        return value;
    }
}
