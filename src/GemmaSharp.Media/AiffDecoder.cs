using System.Buffers.Binary;
using System.Text;

namespace GemmaSharp.Media;

/// <summary>Decodes AIFF and AIFF-C with uncompressed, A-law or µ-law samples.</summary>
/// <remarks>Source: Apple, Audio Interchange File Format 1.3, and the AIFF-C draft of 1991.</remarks>
internal static class AiffDecoder
{
    /// <summary>Decodes the file.</summary>
    /// <returns><see langword="false"/> where the samples are compressed in a way that is not decoded here.</returns>
    public static bool Decode(Stream stream, AudioSink sink)
    {
        PcmFormat? format = null;
        int channels = 0;
        long frames = 0, dataStart = -1, dataBytes = 0;
        bool isBrokenOff = false;
        Span<byte> head = stackalloc byte[8];
        byte[] fields = new byte[22];
        PcmStream.Skip(stream, 12);
        while (PcmStream.Fill(stream, head) == 8)
        {
            long size = BinaryPrimitives.ReadUInt32BigEndian(head[4..]), start = stream.Position;
            if (head.StartsWith("COMM"u8))
            {
                int read = PcmStream.Fill(stream, fields.AsSpan(0, (int)Math.Min(size, fields.Length)));
                if (read < 18)
                {
                    throw Damaged(sink, "its format is cut off");
                }

                channels = BinaryPrimitives.ReadUInt16BigEndian(fields);
                frames = BinaryPrimitives.ReadUInt32BigEndian(fields.AsSpan(2));
                sink.Begin(Extended(fields.AsSpan(8, 10)), channels);
                format = Format(read >= 22 ? Encoding.Latin1.GetString(fields, 18, 4) : "NONE", BinaryPrimitives.ReadUInt16BigEndian(fields.AsSpan(6)));
                if (format is null)
                {
                    return false;
                }
            }
            else if (head.StartsWith("SSND"u8) && PcmStream.Fill(stream, fields.AsSpan(0, 8)) == 8)
            {
                long offset = BinaryPrimitives.ReadUInt32BigEndian(fields);
                dataStart = start + 8 + offset;
                dataBytes = Math.Max(size - 8 - offset, 0);
                if (IsBrokenOff(stream, start, size, dataStart))
                {
                    // Nobody came back to fill the size in: there is nothing but samples from here on.
                    isBrokenOff = true;
                    break;
                }
            }

            stream.Position = start;
            if (!PcmStream.Skip(stream, size + (size % 2)))
            {
                break;
            }
        }

        if (format is null || dataStart < 0 || dataStart > stream.Length)
        {
            throw Damaged(sink, format is null ? "it has no format chunk" : "it has no samples");
        }

        // The format chunk counts frames too, and is as often left with 0.
        int frameBytes = channels * format.Value.Bytes;
        long counted = frames * frameBytes, rest = stream.Length - dataStart;
        if (isBrokenOff || (counted < dataBytes - frameBytes && dataBytes <= rest))
        {
            long said = Math.Min(dataBytes, counted);
            dataBytes = isBrokenOff ? rest : dataBytes;
            sink.Notice($"{sink.Name} says {said} bytes of samples and {dataBytes} follow, as where a recording was broken off; all of them were used.");
        }
        else if (counted > 0)
        {
            dataBytes = Math.Min(dataBytes, counted);
        }

        stream.Position = dataStart;
        PcmStream.PourAll(stream, dataBytes, format.Value, channels, sink);
        return true;
    }

    /// <summary>Whether the size of the samples' chunk cannot be right, because no chunk follows it.</summary>
    static bool IsBrokenOff(Stream stream, long start, long size, long dataStart) =>
        stream.Length > dataStart && start + size < stream.Length
            && ChunkTails.Of(stream, Math.Max(start + size, dataStart), size > 8 ? size : 0, isBig: true) == ChunkTail.Other;

    static PcmFormat? Format(string compression, int bits)
    {
        int bytes = (bits + 7) / 8;
        return compression switch
        {
            "NONE" or "twos" when bytes is >= 1 and <= 4 => new PcmFormat(PcmEncoding.Signed, bytes, true),
            "sowt" when bytes is >= 1 and <= 4 => new PcmFormat(PcmEncoding.Signed, bytes, false),
            "in24" => new PcmFormat(PcmEncoding.Signed, 3, true),
            "in32" => new PcmFormat(PcmEncoding.Signed, 4, true),
            "fl32" or "FL32" => new PcmFormat(PcmEncoding.Float, 4, true),
            "fl64" or "FL64" => new PcmFormat(PcmEncoding.Float, 8, true),
            "alaw" or "ALAW" => new PcmFormat(PcmEncoding.ALaw, 1, true),
            "ulaw" or "ULAW" => new PcmFormat(PcmEncoding.MuLaw, 1, true),
            "raw " => new PcmFormat(PcmEncoding.Unsigned8, 1, true),
            _ => null,
        };
    }

    /// <summary>The 80-bit float in which the rate is stored, rounded to a whole number; 0 where that makes no sense.</summary>
    static long Extended(ReadOnlySpan<byte> bytes)
    {
        int exponent = (BinaryPrimitives.ReadUInt16BigEndian(bytes) & 0x7FFF) - 16383 - 63;
        ulong mantissa = BinaryPrimitives.ReadUInt64BigEndian(bytes[2..]);
        double value = mantissa * Math.Pow(2, exponent);
        return value is > 0 and < 1e9 ? (long)Math.Round(value) : 0;
    }

    static MediaException Damaged(AudioSink sink, string what) =>
        new($"{sink.Name} begins as AIFF sound but {what}; record or save it anew.");
}
