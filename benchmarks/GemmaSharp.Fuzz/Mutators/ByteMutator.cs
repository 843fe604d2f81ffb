using System.Buffers.Binary;

namespace GemmaSharp.Fuzz.Mutators;

/// <summary>Changes that know no form: bits, extreme numbers, pieces taken out, doubled, moved, filled, cut off or taken from another input, and words.</summary>
/// <param name="words">Words of the format, put in whole.</param>
sealed class ByteMutator(params byte[][] words) : IMutator
{
    static readonly long[] s_extremes =
    [
        0, 1, -1, 2, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256, 511, 512, 1023, 1024, 4095, 4096, 32767, 32768, 65535, 65536, int.MaxValue, int.MinValue,
        uint.MaxValue, 0x7FFFFFF0, 0x40000000, 0x3FFFFFFF, long.MaxValue, long.MinValue, 1L << 40,
    ];

    public byte[] Mutate(byte[] input, byte[] other, Dice dice)
    {
        List<byte> bytes = [.. input];
        for (int rounds = Rounds(dice); rounds > 0; rounds--)
        {
            Change(bytes, other, dice);
        }

        return [.. bytes];
    }

    // Mostly one change, now and then many.
    static int Rounds(Dice dice)
    {
        int rounds = 1;
        while (rounds < 24 && dice.Below(5) < 3)
        {
            rounds++;
        }

        return rounds;
    }

    void Change(List<byte> bytes, byte[] other, Dice dice)
    {
        if (bytes.Count == 0)
        {
            bytes.Add((byte)dice.Below(256));
            return;
        }

        // Headers decide, so half of the changes are near the beginning.
        int reach = dice.OneIn(2) ? bytes.Count : Math.Min(bytes.Count, 64);
        int at = dice.Below(reach);
        int count = Math.Min(bytes.Count - at, dice.OneIn(4) ? dice.Between(1, 512) : dice.Between(1, 16));
        switch (dice.Below(13))
        {
            case 0 or 1:
                bytes[at] ^= (byte)(1 << dice.Below(8));
                break;
            case 2:
                bytes[at] = (byte)dice.Below(256);
                break;
            case 3:
                bytes[at] = (byte)(bytes[at] + dice.Between(-16, 16));
                break;
            case 4 or 5:
                Number(bytes, at, dice);
                break;
            case 6:
                bytes.RemoveRange(at, count);
                break;
            case 7:
                bytes.InsertRange(at, bytes.GetRange(at, count));
                break;
            case 8:
                List<byte> piece = bytes.GetRange(at, count);
                bytes.RemoveRange(at, count);
                bytes.InsertRange(dice.Below(bytes.Count + 1), piece);
                break;
            case 9:
                byte fill = dice.OneIn(2) ? (byte)0 : dice.OneIn(2) ? (byte)255 : (byte)dice.Below(256);
                for (int i = 0; i < count; i++)
                {
                    bytes[at + i] = fill;
                }

                break;
            case 10:
                int end = dice.Below(bytes.Count);
                bytes.RemoveRange(end, bytes.Count - end);
                break;
            case 11 when words.Length > 0:
                Put(bytes, at, dice.Pick<byte[]>(words), dice);
                break;
            default:
                int from = dice.Below(other.Length), length = Math.Min(other.Length - from, dice.OneIn(4) ? other.Length : dice.Between(1, 256));
                Put(bytes, at, other.AsSpan(from, length).ToArray(), dice);
                break;
        }
    }

    static void Put(List<byte> bytes, int at, byte[] piece, Dice dice)
    {
        if (dice.OneIn(2))
        {
            bytes.RemoveRange(at, Math.Min(piece.Length, bytes.Count - at));
        }

        bytes.InsertRange(at, piece);
    }

    static void Number(List<byte> bytes, int at, Dice dice)
    {
        Span<byte> number = stackalloc byte[8];
        long value = dice.Pick<long>(s_extremes) + (dice.OneIn(4) ? dice.Between(-2, 2) : 0);
        int width = 1 << dice.Below(4);
        if (dice.OneIn(2))
        {
            BinaryPrimitives.WriteInt64LittleEndian(number, value);
        }
        else
        {
            BinaryPrimitives.WriteInt64BigEndian(number, value << (64 - (8 * width)));
        }

        for (int i = 0; i < width && at + i < bytes.Count; i++)
        {
            bytes[at + i] = number[i];
        }
    }
}
