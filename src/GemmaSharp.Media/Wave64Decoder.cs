using System.Buffers.Binary;

namespace GemmaSharp.Media;

/// <summary>Decodes Wave64 of Sony and Sonic Foundry: WAV whose chunks have names of 16 bytes and sizes of 64 bits, which count their own heads.</summary>
/// <remarks>Source: Sony, Sound Forge Wave 64 file format.</remarks>
internal static class Wave64Decoder
{
    const int ChunkHead = 24;

    /// <summary>Decodes the file.</summary>
    /// <returns><see langword="false"/> where the samples are compressed in a way that is not decoded here.</returns>
    public static bool Decode(Stream stream, AudioSink sink)
    {
        PcmFormat? format = null;
        int channels = 0;
        byte[] head = new byte[ChunkHead], fields = new byte[40];
        int begin = PcmStream.Fill(stream, fields);
        long fileBytes = begin == fields.Length ? BinaryPrimitives.ReadInt64LittleEndian(fields.AsSpan(16)) : 0;
        while (PcmStream.Fill(stream, head) == ChunkHead)
        {
            long size = BinaryPrimitives.ReadInt64LittleEndian(head.AsSpan(16)) - ChunkHead, start = stream.Position;
            if (head.AsSpan().StartsWith("fmt "u8))
            {
                int read = PcmStream.Fill(stream, fields.AsSpan(0, (int)Math.Clamp(size, 0, fields.Length)));
                if (read < 16)
                {
                    break;
                }

                format = WavDecoder.Format(fields.AsSpan(0, read), false, sink, out channels);
                if (format is null)
                {
                    return false;
                }
            }
            else if (head.AsSpan().StartsWith("data"u8) && format is PcmFormat pcm)
            {
                // A program that writes into a pipe leaves zeros or the greatest size.
                long said = Math.Max(0, size);
                long bytes = size > long.MaxValue / 2 ? long.MaxValue : SampleExtent.Of(
                    stream, said, start + said == fileBytes, false, end => ChunkTails.OfWide(stream, Aligned(end), ChunkHead, isBig: false, said > 0), sink);
                PcmStream.PourAll(stream, bytes, pcm, channels, sink);
                return true;
            }

            stream.Position = start;
            if (size < 0 || size > stream.Length - start || !PcmStream.Skip(stream, Aligned(size)))
            {
                break;
            }
        }

        throw new MediaException(
            $"{sink.Name} begins as Wave64 sound but {(format is null ? "it has no format chunk" : "it has no samples")}; record or save it anew.");
    }

    /// <summary>Chunks begin at multiples of eight.</summary>
    static long Aligned(long position) => (position + 7) & ~7L;
}
