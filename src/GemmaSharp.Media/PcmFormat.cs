using System.Buffers.Binary;

namespace GemmaSharp.Media;

/// <summary>How one sample is stored in an uncompressed file.</summary>
internal enum PcmEncoding
{
    /// <summary>Unsigned 8 bits around 128.</summary>
    Unsigned8,

    /// <summary>Two's complement, 1 to 4 bytes, the sample in the upper bits.</summary>
    Signed,

    /// <summary>IEEE 754, 4 or 8 bytes.</summary>
    Float,

    /// <summary>ITU-T G.711 A-law, one byte.</summary>
    ALaw,

    /// <summary>ITU-T G.711 µ-law, one byte.</summary>
    MuLaw,
}

/// <summary>Turns stored samples into floats: PCM16 is divided by 32,768, PCM24 by 2²³, PCM32 by 2³¹.</summary>
/// <param name="Encoding">What the bytes mean.</param>
/// <param name="Bytes">Bytes per sample.</param>
/// <param name="IsBigEndian">Whether the most significant byte comes first.</param>
internal readonly record struct PcmFormat(PcmEncoding Encoding, int Bytes, bool IsBigEndian)
{
    /// <summary>Decodes whole samples.</summary>
    /// <param name="source"><c>destination.Length · Bytes</c> bytes.</param>
    /// <param name="destination">Full scale −1 to 1.</param>
    public void Decode(ReadOnlySpan<byte> source, Span<float> destination)
    {
        for (int i = 0; i < destination.Length; i++)
        {
            ReadOnlySpan<byte> sample = source.Slice(i * Bytes, Bytes);
            destination[i] = Encoding switch
            {
                PcmEncoding.Unsigned8 => (sample[0] - 128) / 128f,
                PcmEncoding.Float => Bytes == 8 ? (float)Double(sample) : Single(sample),
                PcmEncoding.ALaw => s_aLaw[sample[0]],
                PcmEncoding.MuLaw => s_muLaw[sample[0]],
                _ => Signed(sample),
            };
        }
    }

    float Signed(ReadOnlySpan<byte> sample)
    {
        int value = 0;
        for (int i = 0; i < Bytes; i++)
        {
            value |= sample[IsBigEndian ? i : Bytes - 1 - i] << (24 - (8 * i));
        }

        return (float)(value / 2147483648.0);
    }

    float Single(ReadOnlySpan<byte> sample) =>
        IsBigEndian ? BinaryPrimitives.ReadSingleBigEndian(sample) : BinaryPrimitives.ReadSingleLittleEndian(sample);

    double Double(ReadOnlySpan<byte> sample) =>
        IsBigEndian ? BinaryPrimitives.ReadDoubleBigEndian(sample) : BinaryPrimitives.ReadDoubleLittleEndian(sample);

    // G.711 tables as 16-bit values, which is how every decoder scales them.
    static readonly float[] s_aLaw = [.. Enumerable.Range(0, 256).Select(code => ALaw((byte)code) / 32768f)];
    static readonly float[] s_muLaw = [.. Enumerable.Range(0, 256).Select(code => MuLaw((byte)code) / 32768f)];

    static int ALaw(byte code)
    {
        int bits = code ^ 0x55, segment = (bits >> 4) & 7;
        int value = ((bits & 15) << 4) + 8;
        value = segment == 0 ? value : (value + 0x100) << (segment - 1);
        return (bits & 0x80) != 0 ? value : -value;
    }

    static int MuLaw(byte code)
    {
        int bits = ~code;
        int value = ((((bits & 15) << 3) + 0x84) << ((bits >> 4) & 7)) - 0x84;
        return (bits & 0x80) != 0 ? -value : value;
    }
}
