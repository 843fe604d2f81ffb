using System.Buffers.Binary;

namespace GemmaSharp.Fuzz.Mutators;

/// <summary>Changes pages of an Ogg file (left out, doubled, exchanged, other flags, positions, numbers, laces, content) and puts their checksums right.</summary>
sealed class OggMutator : IMutator
{
    static readonly uint[] s_table = Table();

    public byte[]? Mutate(byte[] input, byte[] other, Dice dice)
    {
        List<byte[]> pages = Split(input);
        if (pages.Count == 0)
        {
            return null;
        }

        for (int rounds = dice.Between(1, 3); rounds > 0 && pages.Count > 0; rounds--)
        {
            Change(pages, other, dice);
        }

        foreach (byte[] page in pages)
        {
            if (page.Length >= 27)
            {
                page.AsSpan(22, 4).Clear();
                uint crc = 0;
                foreach (byte b in page)
                {
                    crc = (crc << 8) ^ s_table[(crc >> 24) ^ b];
                }

                BinaryPrimitives.WriteUInt32LittleEndian(page.AsSpan(22), crc);
            }
        }

        return [.. pages.SelectMany(page => page)];
    }

    static void Change(List<byte[]> pages, byte[] other, Dice dice)
    {
        int at = dice.Below(pages.Count);
        byte[] page = [.. pages[at]];
        switch (dice.Below(9))
        {
            case 0:
                pages.RemoveAt(at);
                return;
            case 1:
                pages.Insert(dice.OneIn(2) ? at : dice.Below(pages.Count + 1), page);
                return;
            case 2:
                int with = dice.Below(pages.Count);
                (pages[at], pages[with]) = (pages[with], pages[at]);
                return;
            case 3 when Split(other) is { Count: > 0 } theirs:
                pages.Insert(at, [.. dice.Pick<byte[]>(theirs)]);
                return;
            case 4 when page.Length >= 27:
                page[5] = (byte)dice.Below(8);
                break;
            case 5 when page.Length >= 27:
                BinaryPrimitives.WriteInt64LittleEndian(page.AsSpan(6), dice.Pick<long>([0, 1, -1, 48000, int.MaxValue, long.MaxValue, long.MinValue, 1L << 40, dice.Below(100000)]));
                break;
            case 6 when page.Length >= 27:
                BinaryPrimitives.WriteInt32LittleEndian(page.AsSpan(dice.OneIn(2) ? 14 : 18), dice.Pick<int>([0, 1, 2, -1, dice.Below(20)]));
                break;
            case 7 when page.Length > 28:
                page[27 + dice.Below(Math.Min((int)page[26], page.Length - 27))] = (byte)dice.Pick<int>([0, 1, 254, 255, dice.Below(256)]);
                break;
            default:
                int from = page.Length > 27 ? Math.Min(page.Length - 1, 27 + page[26]) : 0;
                for (int i = dice.Between(1, 6); i > 0 && page.Length > 0; i--)
                {
                    page[from + dice.Below(Math.Min(page.Length - from, dice.OneIn(2) ? 64 : int.MaxValue))] = (byte)dice.Below(256);
                }

                break;
        }

        pages[at] = page;
    }

    static List<byte[]> Split(byte[] file)
    {
        List<byte[]> pages = [];
        int at = 0;
        while (at + 27 <= file.Length && file.AsSpan(at, 4).SequenceEqual("OggS"u8))
        {
            int laces = file[at + 26], end = at + 27 + laces;
            for (int i = 0; i < laces && at + 27 + i < file.Length; i++)
            {
                end += file[at + 27 + i];
            }

            end = Math.Min(end, file.Length);
            pages.Add(file[at..end]);
            at = end;
        }

        return pages;
    }

    static uint[] Table()
    {
        uint[] table = new uint[256];
        for (uint i = 0; i < 256; i++)
        {
            uint value = i << 24;
            for (int bit = 0; bit < 8; bit++)
            {
                value = (value << 1) ^ ((value >> 31) * 0x04C11DB7);
            }

            table[i] = value;
        }

        return table;
    }
}
