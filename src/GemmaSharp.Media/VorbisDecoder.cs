using NVorbis;

namespace GemmaSharp.Media;

/// <summary>Decodes Vorbis in Ogg. The codec is NVorbis.</summary>
internal static class VorbisDecoder
{
    /// <summary>Decodes the file.</summary>
    public static void Decode(ReadOnlyMemory<byte> bytes, AudioSink sink)
    {
        try
        {
            using MemoryStream stream = new(bytes.ToArray(), writable: false);
            using VorbisReader reader = new(stream, false);
            reader.ClipSamples = false;
            int channels = reader.Channels;
            sink.Begin(reader.SampleRate, channels);
            float[] samples = new float[8192 * channels];
            for (int read = reader.ReadSamples(samples, 0, samples.Length); read > 0; read = reader.ReadSamples(samples, 0, samples.Length))
            {
                sink.Write(samples.AsSpan(0, read));
            }
        }
        catch (Exception error) when (error is not (MediaException or OutOfMemoryException))
        {
            if (sink.Frames == 0)
            {
                throw Undecodable(sink, error);
            }

            sink.Notice($"{sink.Name} is damaged after {sink.Frames} samples; what comes before was used.");
            return;
        }

        if (sink.Frames == 0)
        {
            throw Undecodable(sink, null);
        }

        Tell(bytes, sink);
    }

    /// <summary>NVorbis passes over what it cannot read without a word, so the pages are looked at once more.</summary>
    static void Tell(ReadOnlyMemory<byte> bytes, AudioSink sink)
    {
        OggReader pages = new(bytes);
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
        else if (pages.HasAnother)
        {
            sink.Notice($"{sink.Name}: more Ogg data follows the first recording and may have been left out.");
        }
    }

    static MediaException Undecodable(AudioSink sink, Exception? error)
    {
        string message = $"{sink.Name} begins as Ogg Vorbis sound but none of it can be decoded; copy or download the file again.";
        return error is null ? new MediaException(message) : new MediaException(message, error);
    }
}
