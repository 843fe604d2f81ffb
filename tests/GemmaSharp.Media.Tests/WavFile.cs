using System.Buffers.Binary;
using System.Text;

namespace GemmaSharp.Media.Tests;

/// <summary>Writes WAV files, well formed or not.</summary>
static class WavFile
{
    /// <summary>A whole file of one format and one data chunk.</summary>
    public static byte[] Write(int tag, int bits, int channels, int rate, byte[] data, int? validBits = null) =>
        Riff("RIFF", Format(tag, bits, channels, rate, validBits), Chunk("data", data));

    /// <summary>A RIFF of the given chunks, with the right size.</summary>
    public static byte[] Riff(string id, params byte[][] chunks)
    {
        byte[] body = [.. "WAVE"u8, .. chunks.SelectMany(chunk => chunk)];
        return [.. Encoding.ASCII.GetBytes(id), .. UInt32((uint)body.Length), .. body];
    }

    /// <summary>A format chunk; with valid bits an extensible one.</summary>
    public static byte[] Format(int tag, int bits, int channels, int rate, int? validBits = null)
    {
        int align = (bits + 7) / 8 * channels;
        byte[] fields =
        [
            .. UInt16(validBits is null ? tag : 0xFFFE), .. UInt16(channels), .. UInt32((uint)rate), .. UInt32((uint)(rate * align)), .. UInt16(align), .. UInt16(bits),
        ];
        return Chunk("fmt ", validBits is not int valid ? fields :
        [
            .. fields, .. UInt16(22), .. UInt16(valid), .. UInt32(0), .. UInt16(tag), 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71,
        ]);
    }

    /// <summary>A chunk with its padding.</summary>
    public static byte[] Chunk(string id, byte[] body, uint? size = null) =>
        [.. Encoding.ASCII.GetBytes(id), .. UInt32(size ?? (uint)body.Length), .. body, .. new byte[body.Length % 2]];

    public static byte[] UInt16(int value)
    {
        byte[] bytes = new byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)value);
        return bytes;
    }

    public static byte[] UInt32(uint value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        return bytes;
    }
}
