using System.Buffers.Binary;

namespace GemmaSharp.Tests.Prompting.Sound;

/// <summary>Samples of the uncompressed WAV files among the goldens, channels averaged.</summary>
static class WavSamples
{
    public static float[] Read(string path)
    {
        ReadOnlySpan<byte> bytes = File.ReadAllBytes(path);
        ReadOnlySpan<byte> format = Chunk(bytes, "fmt "u8);
        ReadOnlySpan<byte> data = Chunk(bytes, "data"u8);
        bool floating = BinaryPrimitives.ReadInt16LittleEndian(format) == 3;
        int channels = BinaryPrimitives.ReadInt16LittleEndian(format[2..]);
        int bits = BinaryPrimitives.ReadInt16LittleEndian(format[14..]);
        float[] samples = new float[data.Length / (bits / 8) / channels];
        for (int i = 0; i < samples.Length; i++)
        {
            double sum = 0;
            for (int channel = 0; channel < channels; channel++)
            {
                sum += Sample(data[((i * channels + channel) * (bits / 8))..], bits, floating);
            }

            samples[i] = (float)(sum / channels);
        }

        return samples;
    }

    static double Sample(ReadOnlySpan<byte> at, int bits, bool floating) => (bits, floating) switch
    {
        (8, false) => (at[0] - 128) / 128.0,
        (16, false) => BinaryPrimitives.ReadInt16LittleEndian(at) / 32768.0,
        (24, false) => (at[0] | (at[1] << 8) | ((sbyte)at[2] << 16)) / 8388608.0,
        (32, false) => BinaryPrimitives.ReadInt32LittleEndian(at) / 2147483648.0,
        (32, true) => BinaryPrimitives.ReadSingleLittleEndian(at),
        (64, true) => BinaryPrimitives.ReadDoubleLittleEndian(at),
        _ => throw new InvalidDataException($"{bits} bits"),
    };

    static ReadOnlySpan<byte> Chunk(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> id)
    {
        for (int at = 12; at + 8 <= bytes.Length;)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(bytes[(at + 4)..]);
            if (bytes.Slice(at, 4).SequenceEqual(id))
            {
                return bytes.Slice(at + 8, length);
            }

            at += 8 + length + (length & 1);
        }

        throw new InvalidDataException("There is no such chunk.");
    }
}
