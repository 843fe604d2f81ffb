using System.Buffers.Binary;

namespace GemmaSharp.Fuzz.Mutators;

/// <summary>Changes files of chunks (RIFF, AIFF, CAF, Wave64): leaves out, doubles, exchanges and cuts them, and gives them other lengths.</summary>
/// <param name="start">Where the first chunk is.</param>
/// <param name="nameBytes">Bytes of a name: 4, or 16.</param>
/// <param name="sizeBytes">Bytes of a length: 4 or 8.</param>
/// <param name="isLittle">Their order.</param>
/// <param name="countsItself">Whether the length counts name and length too, as Wave64's does.</param>
/// <param name="even">What chunks are padded to.</param>
sealed class ChunkMutator(int start, int nameBytes, int sizeBytes, bool isLittle, bool countsItself, int even) : IMutator
{
    public byte[]? Mutate(byte[] input, byte[] other, Dice dice)
    {
        List<byte[]>? chunks = Split(input);
        if (chunks is not { Count: > 0 })
        {
            return null;
        }

        for (int rounds = dice.Between(1, 3); rounds > 0 && chunks.Count > 0; rounds--)
        {
            Change(chunks, other, dice);
        }

        return [.. input.AsSpan(0, start), .. chunks.SelectMany(chunk => chunk)];
    }

    void Change(List<byte[]> chunks, byte[] other, Dice dice)
    {
        int at = dice.Below(chunks.Count);
        int head = nameBytes + sizeBytes;
        byte[] chunk = [.. chunks[at]];
        switch (dice.Below(7))
        {
            case 0:
                chunks.RemoveAt(at);
                return;
            case 1:
                chunks.Insert(dice.Below(chunks.Count + 1), chunk);
                return;
            case 2:
                int with = dice.Below(chunks.Count);
                (chunks[at], chunks[with]) = (chunks[with], chunks[at]);
                return;
            case 3 when Split(other) is { Count: > 0 } theirs:
                chunks.Insert(at, dice.Pick<byte[]>(theirs));
                return;
            case 4 when chunk.Length > head:
                // A content of another length, told rightly.
                byte[] content = dice.OneIn(2) ? chunk[head..(head + dice.Below(chunk.Length - head))] : [.. chunk[head..], .. new byte[dice.Between(1, 64)]];
                chunk = [.. chunk[..head], .. content];
                Size(chunk, chunk.Length - (countsItself ? 0 : head));
                break;
            case 5 when chunk.Length >= head:
                Size(chunk, dice.Pick<long>([0, 1, 2, 3, 7, 8, 15, 16, 17, 18, 40, 255, 65535, int.MaxValue, uint.MaxValue, -1, long.MaxValue, chunk.Length * 2L]));
                break;
            default:
                for (int i = dice.Between(1, 3); i > 0 && chunk.Length > head; i--)
                {
                    int place = head + dice.Below(Math.Min(chunk.Length - head, 48));
                    chunk[place] = dice.OneIn(3) ? (byte)dice.Pick<int>([0, 1, 2, 4, 8, 16, 24, 32, 64, 127, 128, 254, 255]) : (byte)dice.Below(256);
                }

                break;
        }

        chunks[at] = chunk;
    }

    void Size(byte[] chunk, long size)
    {
        Span<byte> field = chunk.AsSpan(nameBytes, sizeBytes);
        if (sizeBytes == 4)
        {
            if (isLittle)
            {
                BinaryPrimitives.WriteInt32LittleEndian(field, unchecked((int)size));
            }
            else
            {
                BinaryPrimitives.WriteInt32BigEndian(field, unchecked((int)size));
            }
        }
        else if (isLittle)
        {
            BinaryPrimitives.WriteInt64LittleEndian(field, size);
        }
        else
        {
            BinaryPrimitives.WriteInt64BigEndian(field, size);
        }
    }

    List<byte[]>? Split(byte[] file)
    {
        int head = nameBytes + sizeBytes;
        if (file.Length < start + head)
        {
            return null;
        }

        List<byte[]> chunks = [];
        long at = start;
        while (at + head <= file.Length && chunks.Count < 256)
        {
            ReadOnlySpan<byte> field = file.AsSpan((int)at + nameBytes, sizeBytes);
            long size = (sizeBytes, isLittle) switch
            {
                (4, true) => BinaryPrimitives.ReadUInt32LittleEndian(field),
                (4, false) => BinaryPrimitives.ReadUInt32BigEndian(field),
                (_, true) => BinaryPrimitives.ReadInt64LittleEndian(field),
                _ => BinaryPrimitives.ReadInt64BigEndian(field),
            };
            size = countsItself ? size : size + head;
            size += even > 1 && size % even != 0 ? even - (size % even) : 0;
            long end = size >= head && size <= file.Length - at ? at + size : file.Length;
            chunks.Add(file[(int)at..(int)end]);
            at = end;
        }

        return chunks;
    }
}
