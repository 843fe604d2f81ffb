using System.Buffers.Binary;
using System.IO.Compression;

namespace GemmaSharp.Server.Tests.Security;

/// <summary>Small files that say they are large.</summary>
static class Bombs
{
    public static string Base64(byte[] bytes) => Convert.ToBase64String(bytes);

    /// <summary>A grey PNG; only as many rows are in it as are said.</summary>
    public static byte[] Png(uint width, uint height, int rows = -1)
    {
        using var file = new MemoryStream();
        file.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10]);
        byte[] header = new byte[13];
        BinaryPrimitives.WriteUInt32BigEndian(header, width);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(4), height);
        header[8] = 8;
        Chunk(file, "IHDR"u8, header);
        using (var data = new MemoryStream())
        {
            using (var zlib = new ZLibStream(data, CompressionLevel.Optimal, leaveOpen: true))
            {
                byte[] row = new byte[(rows < 0 ? width : Math.Min(width, 1 << 20)) + 1];
                for (int i = 0; i < (rows < 0 ? height : rows); i++)
                {
                    zlib.Write(row);
                }
            }

            Chunk(file, "IDAT"u8, data.ToArray());
        }

        Chunk(file, "IEND"u8, []);
        return file.ToArray();
    }

    /// <summary>A GIF whose screen and frames are of a size, each frame a few bytes.</summary>
    public static byte[] Gif(ushort width, ushort height, int frames)
    {
        using var file = new MemoryStream();
        file.Write("GIF89a"u8);
        Span<byte> size = stackalloc byte[4];
        BinaryPrimitives.WriteUInt16LittleEndian(size, width);
        BinaryPrimitives.WriteUInt16LittleEndian(size[2..], height);
        file.Write(size);
        file.Write([0x80, 0, 0, 0, 0, 0, 255, 255, 255]);
        for (int i = 0; i < frames; i++)
        {
            file.Write([0x2C, 0, 0, 0, 0]);
            file.Write(size);
            file.Write([0, 2, 2, 0x4C, 0x01, 0]);
        }

        file.WriteByte(0x3B);
        return file.ToArray();
    }

    /// <summary>A WAV file's head, saying what it likes, and some bytes.</summary>
    public static byte[] Wav(uint rate, ushort channels, ushort bits, uint said, int bytes, ushort format = 1)
    {
        byte[] file = new byte[44 + bytes];
        "RIFF"u8.CopyTo(file);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(4), unchecked(said + 36));
        "WAVEfmt "u8.CopyTo(file.AsSpan(8));
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(16), 16);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(20), format);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(22), channels);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(24), rate);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(28), unchecked(rate * channels * bits / 8));
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(32), unchecked((ushort)(channels * bits / 8)));
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(34), bits);
        "data"u8.CopyTo(file.AsSpan(36));
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(40), said);
        return file;
    }

    static void Chunk(MemoryStream file, ReadOnlySpan<byte> name, byte[] data)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        file.Write(number);
        file.Write(name);
        file.Write(data);
        BinaryPrimitives.WriteUInt32BigEndian(number, Crc([.. name, .. data]));
        file.Write(number);
    }

    static uint Crc(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in bytes)
        {
            crc ^= b;
            for (int i = 0; i < 8; i++)
            {
                crc = (crc >> 1) ^ ((crc & 1) * 0xEDB88320);
            }
        }

        return ~crc;
    }
}
