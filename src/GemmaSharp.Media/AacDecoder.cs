namespace GemmaSharp.Media;

/// <summary>Decodes a stream of AAC frames with ffmpeg, from the first whole frame on, and tells where the stream begins or ends inside one.</summary>
internal static class AacDecoder
{
    /// <summary>Decodes the stream.</summary>
    public static void Decode(ReadOnlyMemory<byte> bytes, AudioSink sink, MediaOptions options)
    {
        Ffmpeg ffmpeg = Ffmpeg.Find(options, sink.Name, MediaFormat.Aac);
        int start = Math.Max(0, AdtsStream.Find(bytes.Span));
        int whole = AdtsStream.WholeBytes(bytes.Span[start..]), end = whole > 0 ? start + whole : bytes.Length;
        Ffmpeg.WithFile(bytes[start..end], path =>
        {
            FfmpegSound.Decode(ffmpeg, path, sink);
            return true;
        });
        if (start > 0)
        {
            sink.Notice($"{sink.Name}: {start} bytes before its first whole AAC frame were passed over.");
        }

        if (!sink.IsDone && end < bytes.Length)
        {
            sink.Notice($"{sink.Name} ends inside a frame; what comes before was used.");
        }
    }
}
