using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Hashing;

namespace GemmaSharp.Fuzz.Mutators;

/// <summary>Changes chunks of a PNG, also below its compression, and puts lengths and checksums right.</summary>
sealed class PngMutator : IMutator
{
    public byte[]? Mutate(byte[] input, byte[] other, Dice dice)
    {
        List<(byte[] Name, byte[] Content)>? chunks = Split(input);
        if (chunks is not { Count: > 0 })
        {
            return null;
        }

        int at = dice.Below(chunks.Count);
        (byte[] name, byte[] content) = chunks[at];
        switch (dice.Below(7))
        {
            case 0:
                chunks.RemoveAt(at);
                break;
            case 1:
                chunks.Insert(dice.Below(chunks.Count + 1), chunks[at]);
                break;
            case 2 when Split(other) is { Count: > 0 } theirs:
                chunks.Insert(at, dice.Pick<(byte[], byte[])>(theirs));
                break;
            case 3:
                int pixels = chunks.FindIndex(chunk => chunk.Name.AsSpan().SequenceEqual("IDAT"u8));
                if (pixels < 0 || Inflate(chunks[pixels].Content) is not byte[] raw)
                {
                    return null;
                }

                for (int i = dice.Between(1, 8); i > 0 && raw.Length > 0; i--)
                {
                    raw[dice.Below(raw.Length)] = (byte)dice.Below(256);
                }

                chunks[pixels] = (chunks[pixels].Name, Deflate(dice.OneIn(6) ? raw[..dice.Below(raw.Length + 1)] : raw));
                break;
            case 4:
                chunks[at] = (dice.Pick<byte[]>(["IHDR"u8.ToArray(), "PLTE"u8.ToArray(), "tRNS"u8.ToArray(), "IDAT"u8.ToArray(), "IEND"u8.ToArray(), "eXIf"u8.ToArray(), "gAMA"u8.ToArray(),
                    "iCCP"u8.ToArray(), "acTL"u8.ToArray(), "sBIT"u8.ToArray(), "bKGD"u8.ToArray(), "zTXt"u8.ToArray()]), content);
                break;
            default:
                content = [.. content];
                for (int i = dice.Between(1, 4); i > 0 && content.Length > 0; i--)
                {
                    content[dice.Below(content.Length)] = dice.OneIn(2) ? (byte)dice.Below(256) : dice.Pick<byte>([0, 1, 2, 3, 4, 6, 8, 16, 127, 128, 255]);
                }

                chunks[at] = (name, dice.OneIn(4) ? content[..dice.Below(content.Length + 1)] : content);
                break;
        }

        return Join(input, chunks);
    }

    static List<(byte[] Name, byte[] Content)>? Split(byte[] file)
    {
        if (file.Length < 20 || file[1] != 'P')
        {
            return null;
        }

        List<(byte[], byte[])> chunks = [];
        int at = 8;
        while (at + 12 <= file.Length)
        {
            uint length = BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(at));
            if (length > file.Length - at - 12)
            {
                break;
            }

            chunks.Add((file[(at + 4)..(at + 8)], file[(at + 8)..(at + 8 + (int)length)]));
            at += 12 + (int)length;
        }

        return chunks;
    }

    static byte[] Join(byte[] file, List<(byte[] Name, byte[] Content)> chunks)
    {
        using var stream = new MemoryStream();
        stream.Write(file.AsSpan(0, 8));
        Span<byte> number = stackalloc byte[4];
        foreach ((byte[] name, byte[] content) in chunks)
        {
            BinaryPrimitives.WriteInt32BigEndian(number, content.Length);
            stream.Write(number);
            stream.Write(name);
            stream.Write(content);
            BinaryPrimitives.WriteUInt32BigEndian(number, Crc32.HashToUInt32([.. name, .. content]));
            stream.Write(number);
        }

        return stream.ToArray();
    }

    static byte[]? Inflate(byte[] packed)
    {
        try
        {
            using var zlib = new ZLibStream(new MemoryStream(packed), CompressionMode.Decompress);
            using var raw = new MemoryStream();
            byte[] buffer = new byte[4096];
            for (int count; raw.Length < 1 << 20 && (count = zlib.Read(buffer)) > 0;)
            {
                raw.Write(buffer, 0, count);
            }

            return raw.ToArray();
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }

    static byte[] Deflate(byte[] raw)
    {
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            zlib.Write(raw);
        }

        return packed.ToArray();
    }
}
