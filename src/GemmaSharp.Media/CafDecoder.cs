using System.Buffers.Binary;

namespace GemmaSharp.Media;

/// <summary>Decodes Apple's Core Audio Format with PCM, float, A-law or µ-law samples.</summary>
/// <remarks>Source: Apple, Core Audio Format Specification 1.0.</remarks>
internal static class CafDecoder
{
    const int ChunkHead = 12;

    /// <summary>Decodes the file.</summary>
    /// <returns><see langword="false"/> where the samples are compressed in a way that is not decoded here.</returns>
    public static bool Decode(Stream stream, AudioSink sink)
    {
        PcmFormat? format = null;
        int channels = 0;
        byte[] head = new byte[ChunkHead], fields = new byte[32];
        PcmStream.Skip(stream, 8);
        while (PcmStream.Fill(stream, head) == ChunkHead)
        {
            long size = BinaryPrimitives.ReadInt64BigEndian(head.AsSpan(4));
            if (head.AsSpan().StartsWith("desc"u8))
            {
                if (PcmStream.Fill(stream, fields) < fields.Length)
                {
                    break;
                }

                double rate = BinaryPrimitives.ReadDoubleBigEndian(fields);
                channels = (int)Math.Min(int.MaxValue, BinaryPrimitives.ReadUInt32BigEndian(fields.AsSpan(24)));
                format = Format(fields);
                if (format is null)
                {
                    return false;
                }

                sink.Begin(rate is > 0 and < 1e9 ? (long)Math.Round(rate) : 0, channels);
                size -= fields.Length;
            }
            else if (head.AsSpan().StartsWith("data"u8) && format is PcmFormat pcm)
            {
                // Before the samples stands how often the file was edited. A size of −1 means: to the end.
                PcmStream.Skip(stream, 4);
                long said = Math.Max(0, size - 4);
                long bytes = size < 0 ? long.MaxValue : SampleExtent.Of(
                    stream, said, false, false, end => ChunkTails.OfWide(stream, end, ChunkHead, isBig: true, said > 0), sink);
                PcmStream.PourAll(stream, bytes, pcm, channels, sink);
                return true;
            }

            if (size < 0 || !PcmStream.Skip(stream, size))
            {
                break;
            }
        }

        throw new MediaException(
            $"{sink.Name} begins as CAF sound but {(format is null ? "it has no format chunk" : "it has no samples")}; record or save it anew.");
    }

    static PcmFormat? Format(ReadOnlySpan<byte> fields)
    {
        const uint FloatFlag = 1, LittleFlag = 2;
        ReadOnlySpan<byte> id = fields.Slice(8, 4);
        uint flags = BinaryPrimitives.ReadUInt32BigEndian(fields[12..]), packet = BinaryPrimitives.ReadUInt32BigEndian(fields[16..]);
        uint channels = Math.Max(1, BinaryPrimitives.ReadUInt32BigEndian(fields[24..])), bits = BinaryPrimitives.ReadUInt32BigEndian(fields[28..]);

        // Samples of odd widths are left-justified in the bytes that a packet, which is one frame, has for each.
        uint bytes = packet % channels == 0 && packet / channels * 8 >= bits ? packet / channels : (bits + 7) / 8;
        bool isBig = (flags & LittleFlag) == 0;
        return id.SequenceEqual("ulaw"u8) ? new PcmFormat(PcmEncoding.MuLaw, 1, true)
            : id.SequenceEqual("alaw"u8) ? new PcmFormat(PcmEncoding.ALaw, 1, true)
            : !id.SequenceEqual("lpcm"u8) ? null
            : (flags & FloatFlag) != 0 ? (bytes is 4 or 8 ? new PcmFormat(PcmEncoding.Float, (int)bytes, isBig) : null)
            : bytes is >= 1 and <= 4 ? new PcmFormat(PcmEncoding.Signed, (int)bytes, isBig) : null;
    }
}
