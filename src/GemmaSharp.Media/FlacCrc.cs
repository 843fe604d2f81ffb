namespace GemmaSharp.Media;

/// <summary>The two checksums of FLAC: polynomials 0x07 over the frame header and 0x8005 over the whole frame, both starting at 0.</summary>
internal static class FlacCrc
{
    static readonly byte[] s_table8 = [.. Enumerable.Range(0, 256).Select(i => (byte)Shift((uint)i, 0x07, 8))];
    static readonly ushort[] s_table16 = [.. Enumerable.Range(0, 256).Select(i => (ushort)Shift((uint)i << 8, 0x8005, 16))];

    /// <summary>CRC-8.</summary>
    public static byte Of8(ReadOnlySpan<byte> bytes)
    {
        byte crc = 0;
        foreach (byte value in bytes)
        {
            crc = s_table8[crc ^ value];
        }

        return crc;
    }

    /// <summary>CRC-16.</summary>
    public static ushort Of16(ReadOnlySpan<byte> bytes)
    {
        ushort crc = 0;
        foreach (byte value in bytes)
        {
            crc = (ushort)((crc << 8) ^ s_table16[(crc >> 8) ^ value]);
        }

        return crc;
    }

    static uint Shift(uint value, uint polynomial, int width)
    {
        for (int bit = 0; bit < 8; bit++)
        {
            bool isSet = (value >> (width - 1)) != 0;
            value = ((value << 1) ^ (isSet ? polynomial : 0)) & ((1u << width) - 1);
        }

        return value;
    }
}
