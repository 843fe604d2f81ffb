using System.Buffers.Binary;

namespace GemmaSharp.Fuzz.Mutators;

/// <summary>Changes bytes of a FLAC file's frames and puts both checksums of the frame right, so that what lies below them is read.</summary>
sealed class FlacMutator : IMutator
{
    public byte[]? Mutate(byte[] input, byte[] other, Dice dice)
    {
        int first = Frames(input);
        List<int> starts = [];
        for (int i = first; i >= 0 && i + 16 < input.Length; i++)
        {
            if (input[i] == 0xFF && (input[i + 1] & 0xFE) == 0xF8 && Head(input.AsSpan(i)) is int)
            {
                starts.Add(i);
            }
        }

        if (starts.Count == 0)
        {
            return null;
        }

        byte[] bytes = [.. input];
        for (int rounds = dice.Between(1, 3); rounds > 0; rounds--)
        {
            int number = dice.Below(starts.Count);
            Span<byte> frame = bytes.AsSpan(starts[number]..(number + 1 < starts.Count ? starts[number + 1] : bytes.Length));
            int head = Head(frame) ?? 5;
            for (int i = dice.Between(1, 4); i > 0; i--)
            {
                int at = dice.OneIn(3) ? 2 + dice.Below(head - 2) : dice.Below(Math.Min(frame.Length - 2, dice.OneIn(2) ? 40 : int.MaxValue));
                if (at >= 2)
                {
                    frame[at] = (byte)dice.Below(256);
                }
            }

            head = Math.Min(Head(frame, check: false) ?? head, frame.Length - 3);
            frame[head] = (byte)Crc(frame[..head], 0x07, 8);
            BinaryPrimitives.WriteUInt16BigEndian(frame[^2..], (ushort)Crc(frame[..^2], 0x8005, 16));
        }

        return bytes;
    }

    /// <summary>Where the first frame is; -1 for nowhere.</summary>
    static int Frames(byte[] file)
    {
        int at = 4;
        if (file.Length < 42 || !file.AsSpan(0, 4).SequenceEqual("fLaC"u8))
        {
            return -1;
        }

        while (at + 4 <= file.Length)
        {
            bool last = (file[at] & 0x80) != 0;
            at += 4 + ((file[at + 1] << 16) | (file[at + 2] << 8) | file[at + 3]);
            if (last)
            {
                return at;
            }
        }

        return -1;
    }

    /// <summary>Bytes of a frame's header before its checksum; null where it is none.</summary>
    static int? Head(ReadOnlySpan<byte> frame, bool check = true)
    {
        if (frame.Length < 16)
        {
            return null;
        }

        int size = frame[2] >> 4, rate = frame[2] & 15, length = 4;
        int lead = frame[4];
        length += lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF8 ? 4 : lead < 0xFC ? 5 : lead < 0xFE ? 6 : 7;
        length += size == 6 ? 1 : size == 7 ? 2 : 0;
        length += rate == 12 ? 1 : rate is 13 or 14 ? 2 : 0;
        return length < frame.Length && (!check || Crc(frame[..length], 0x07, 8) == frame[length]) ? length : null;
    }

    static uint Crc(ReadOnlySpan<byte> bytes, uint polynomial, int bits)
    {
        uint crc = 0;
        foreach (byte b in bytes)
        {
            crc ^= (uint)b << (bits - 8);
            for (int i = 0; i < 8; i++)
            {
                crc = (crc << 1) ^ ((crc >> (bits - 1) & 1) * polynomial);
            }
        }

        return crc & ((1u << bits) - 1);
    }
}
