using NVorbis;

namespace GemmaSharp.Media;

/// <summary>Decodes Vorbis in Ogg, and ends where the file says. The codec is NVorbis.</summary>
/// <remarks>Source: Vorbis I specification, appendix A.</remarks>
internal static class VorbisDecoder
{
    /// <summary>The most samples of a packet, and what is read at a time.</summary>
    const int LargestBlock = 8192;

    /// <summary>Decodes one recording.</summary>
    public static void Decode(ReadOnlyMemory<byte> bytes, AudioSink sink)
    {
        long before = sink.Frames;
        OggReader pages = new(bytes, [.. "\u0001vorbis"u8]);
        try
        {
            using StreamDecoder decoder = new(new VorbisPackets(pages));
            decoder.ClipSamples = false;
            sink.Begin(decoder.SampleRate, decoder.Channels);
            Pour(decoder, pages, sink);
        }
        catch (Exception error) when (error is not (MediaException or OutOfMemoryException))
        {
            if (sink.Frames == before)
            {
                throw Undecodable(sink, error);
            }

            sink.Notice($"{sink.Name} is damaged after {sink.Frames - before} samples; what comes before was used.");
            return;
        }

        if (sink.Frames == before)
        {
            throw Undecodable(sink, null);
        }

        if (!sink.IsDone)
        {
            Tell(pages, sink);
        }
    }

    static void Pour(StreamDecoder decoder, OggReader pages, AudioSink sink)
    {
        int channels = decoder.Channels;
        float[] held = new float[LargestBlock * channels], read = new float[LargestBlock * channels];
        int count = 0;
        long frames = 0;
        for (int next = Read(decoder, read); next > 0 && !sink.IsDone; next = Read(decoder, read))
        {
            frames += next / channels;

            // As much is held back as may be cut off at the end.
            int written = Math.Max(0, count + next - held.Length);
            sink.Write(held.AsSpan(0, written));
            held.AsSpan(written, count - written).CopyTo(held);
            count -= written;
            read.AsSpan(0, next).CopyTo(held.AsSpan(count));
            count += next;
        }

        // The last page's position cuts the last packet, and the fading out that follows it.
        long start = decoder.SamplePosition - frames;
        long surplus = pages.IsEnded && pages.Granule >= 0 ? frames - (pages.Granule - start) : 0;
        bool isPlausible = surplus > 0 && surplus <= count / channels;
        sink.Write(held.AsSpan(0, isPlausible ? count - (int)(surplus * channels) : count));
    }

    static int Read(StreamDecoder decoder, float[] samples) => decoder.Read(samples, 0, samples.Length);

    /// <summary>What is damaged is passed over, and told.</summary>
    static void Tell(OggReader pages, AudioSink sink)
    {
        while (pages.Next() is not null)
        {
            // Only the pages matter here.
        }

        if (pages.LostPages > 0)
        {
            sink.Notice($"{sink.Name}: damaged Ogg pages were passed over.");
        }

        if (!pages.IsEnded)
        {
            sink.Notice($"{sink.Name} ends before its last page; what is there was used.");
        }
    }

    static MediaException Undecodable(AudioSink sink, Exception? error)
    {
        string message = $"{sink.Name} begins as Ogg Vorbis sound but none of it can be decoded; copy or download the file again.";
        return error is null ? new MediaException(message) : new MediaException(message, error);
    }
}
