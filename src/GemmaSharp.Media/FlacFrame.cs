namespace GemmaSharp.Media;

/// <summary>How the decoding of a frame ended.</summary>
internal enum FlacFrameResult
{
    /// <summary>The samples are right, as far as a checksum of 16 bits can tell.</summary>
    Good,

    /// <summary>The bytes are no frame, or a damaged one.</summary>
    Damaged,

    /// <summary>The file ends inside the frame.</summary>
    Truncated,
}

/// <summary>Decodes FLAC frames, one after the other, into the same memory.</summary>
/// <remarks>Source: RFC 9639 §9. A frame is header, one subframe per channel, padding, CRC-16.</remarks>
internal sealed class FlacFrame(FlacStreamInfo info)
{
    const int MaxBlockSize = 65_535;

    long[][] _channels = [];
    float[] _interleaved = [];

    /// <summary>Samples per channel of the last frame.</summary>
    public int BlockSize { get; private set; }

    /// <summary>Which sample of the stream the last frame begins with.</summary>
    public long FirstSample { get; private set; }

    /// <summary>The last frame, channels interleaved, full scale −1 to 1.</summary>
    public ReadOnlySpan<float> Interleaved => _interleaved.AsSpan(0, BlockSize * info.Channels);

    /// <summary>Index of the next place that looks like the beginning of a frame; −1 where there is none.</summary>
    public static int FindSync(ReadOnlySpan<byte> bytes, int from)
    {
        while (from < bytes.Length - 1)
        {
            int found = bytes[from..].IndexOf((byte)0xFF);
            if (found < 0 || from + found + 1 >= bytes.Length)
            {
                return -1;
            }

            from += found;
            if ((bytes[from + 1] & 0xFE) == 0xF8)
            {
                return from;
            }

            from++;
        }

        return -1;
    }

    /// <summary>Decodes the frame that begins at an index.</summary>
    /// <param name="bytes">The whole file.</param>
    /// <param name="start">Where <see cref="FindSync"/> found it.</param>
    /// <param name="end">Where the next frame begins, if the result is good.</param>
    public FlacFrameResult Decode(ReadOnlySpan<byte> bytes, int start, out int end)
    {
        end = start;
        try
        {
            BitReader reader = new(bytes, start);
            if (!Header(ref reader, bytes, start, out int assignment, out int bits))
            {
                return FlacFrameResult.Damaged;
            }

            for (int channel = 0; channel < info.Channels; channel++)
            {
                // The difference of two channels needs one bit more than each.
                bool isSide = (assignment is 8 or 10 && channel == 1) || (assignment == 9 && channel == 0);
                if (!FlacSubframe.Decode(ref reader, bits + (isSide ? 1 : 0), _channels[channel].AsSpan(0, BlockSize)))
                {
                    return FlacFrameResult.Damaged;
                }
            }

            reader.Align();
            int crcAt = reader.Position;
            ulong crc = reader.Unsigned(16);
            if (crc != FlacCrc.Of16(bytes[start..crcAt]))
            {
                return FlacFrameResult.Damaged;
            }

            end = crcAt + 2;
            Interleave(assignment, bits);
            return FlacFrameResult.Good;
        }
        catch (EndOfStreamException)
        {
            return FlacFrameResult.Truncated;
        }
    }

    bool Header(ref BitReader reader, ReadOnlySpan<byte> bytes, int start, out int assignment, out int bits)
    {
        reader.Unsigned(15);
        bool isVariable = reader.Unsigned(1) != 0;
        int sizeCode = (int)reader.Unsigned(4), rateCode = (int)reader.Unsigned(4);
        assignment = (int)reader.Unsigned(4);
        int bitsCode = (int)reader.Unsigned(3);
        bits = bitsCode switch { 0 => info.Bits, 1 => 8, 2 => 12, 4 => 16, 5 => 20, 6 => 24, 7 => 32, _ => 0 };
        bool isReserved = reader.Unsigned(1) != 0 || sizeCode == 0 || rateCode == 15 || assignment > 10 || bits == 0;
        long number = isReserved ? -1 : Number(ref reader);
        if (number < 0)
        {
            return false;
        }

        BlockSize = sizeCode switch
        {
            1 => 192,
            <= 5 => 576 << (sizeCode - 2),
            6 => (int)reader.Unsigned(8) + 1,
            7 => (int)reader.Unsigned(16) + 1,
            _ => 256 << (sizeCode - 8),
        };
        reader.Unsigned(rateCode switch { 12 => 8, 13 or 14 => 16, _ => 0 });
        int crcAt = reader.Position;
        int channels = assignment < 8 ? assignment + 1 : 2;
        if (reader.Unsigned(8) != FlacCrc.Of8(bytes[start..crcAt]) || channels != info.Channels || BlockSize > MaxBlockSize)
        {
            return false;
        }

        FirstSample = isVariable ? number : number * info.MinBlockSize;
        if (_channels.Length == 0 || _channels[0].Length < BlockSize)
        {
            _channels = [.. Enumerable.Range(0, info.Channels).Select(_ => new long[BlockSize])];
            _interleaved = new float[BlockSize * info.Channels];
        }

        return true;
    }

    /// <summary>The number of the frame or sample, coded as UTF-8 would code it; −1 where the code is malformed.</summary>
    static long Number(ref BitReader reader)
    {
        int first = (int)reader.Unsigned(8);
        if (first < 0x80)
        {
            return first;
        }

        int length = System.Numerics.BitOperations.LeadingZeroCount((uint)~(first << 24));
        if (length is < 2 or > 7)
        {
            return -1;
        }

        long value = first & ((1 << (7 - length)) - 1);
        for (int i = 1; i < length; i++)
        {
            int next = (int)reader.Unsigned(8);
            if ((next & 0xC0) != 0x80)
            {
                return -1;
            }

            value = (value << 6) | (long)(next & 0x3F);
        }

        return value;
    }

    /// <summary>Undoes the coding of one channel by the other, and scales to floats.</summary>
    void Interleave(int assignment, int bits)
    {
        if (assignment >= 8)
        {
            long[] first = _channels[0], second = _channels[1];
            for (int i = 0; i < BlockSize; i++)
            {
                long a = first[i], b = second[i];
                long sum = (a << 1) | (b & 1);
                (first[i], second[i]) = assignment switch
                {
                    8 => (a, a - b),
                    9 => (a + b, b),
                    _ => ((sum + b) >> 1, (sum - b) >> 1),
                };
            }
        }

        double scale = Math.Pow(2, 1 - bits);
        for (int channel = 0; channel < info.Channels; channel++)
        {
            for (int i = 0; i < BlockSize; i++)
            {
                _interleaved[(i * info.Channels) + channel] = (float)(_channels[channel][i] * scale);
            }
        }
    }
}
