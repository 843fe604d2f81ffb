using System.Buffers.Binary;

namespace GemmaSharp.Media;

/// <summary>Decodes AU of Sun and NeXT: PCM of 8 to 32 bits, float, A-law and µ-law.</summary>
/// <remarks>Source: Sun Microsystems, audio file format (audio.h).</remarks>
internal static class AuDecoder
{
    /// <summary>Decodes the file.</summary>
    /// <returns><see langword="false"/> where the samples are compressed in a way that is not decoded here.</returns>
    public static bool Decode(Stream stream, AudioSink sink)
    {
        Span<byte> head = stackalloc byte[24];
        if (PcmStream.Fill(stream, head) < head.Length)
        {
            throw new MediaException($"{sink.Name} begins as AU sound but its header is cut off; copy or download the file again.");
        }

        long start = BinaryPrimitives.ReadUInt32BigEndian(head[4..]), said = BinaryPrimitives.ReadUInt32BigEndian(head[8..]);
        PcmFormat? format = BinaryPrimitives.ReadUInt32BigEndian(head[12..]) switch
        {
            1 => new PcmFormat(PcmEncoding.MuLaw, 1, true),
            2 => new PcmFormat(PcmEncoding.Signed, 1, true),
            3 => new PcmFormat(PcmEncoding.Signed, 2, true),
            4 => new PcmFormat(PcmEncoding.Signed, 3, true),
            5 => new PcmFormat(PcmEncoding.Signed, 4, true),
            6 => new PcmFormat(PcmEncoding.Float, 4, true),
            7 => new PcmFormat(PcmEncoding.Float, 8, true),
            27 => new PcmFormat(PcmEncoding.ALaw, 1, true),
            _ => null,
        };
        if (format is not PcmFormat pcm)
        {
            return false;
        }

        int channels = (int)Math.Min(int.MaxValue, BinaryPrimitives.ReadUInt32BigEndian(head[20..]));
        sink.Begin(BinaryPrimitives.ReadUInt32BigEndian(head[16..]), channels);
        PcmStream.Skip(stream, Math.Max(0, start - head.Length));
        long bytes = said == uint.MaxValue ? long.MaxValue : SampleExtent.Of(
            stream, said, said > 0, false, end => said > 0 && ChunkTails.IsZero(stream, end) ? ChunkTail.Chunks : ChunkTail.Other, sink);
        PcmStream.PourAll(stream, bytes, pcm, channels, sink);
        return true;
    }
}
