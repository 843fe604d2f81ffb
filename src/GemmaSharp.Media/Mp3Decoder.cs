using NLayer;

namespace GemmaSharp.Media;

/// <summary>Decodes MPEG audio (MP3 and its older layers), without the silence that encoder and decoder put in front.</summary>
/// <remarks>The codec is NLayer. Lead-in and padding come from the LAME tag in the first frame, where there is one.</remarks>
internal static class Mp3Decoder
{
    /// <summary>Decodes the file.</summary>
    public static void Decode(ReadOnlyMemory<byte> bytes, AudioSink sink)
    {
        Mp3Gaps gaps = Mp3Gaps.Read(bytes.Span);
        byte[] copy = bytes.ToArray();
        if (gaps.TagOffset >= 0)
        {
            // NLayer would cut by the tag too, but forgets its own delay, and so loses the last 529 samples.
            copy.AsSpan(gaps.TagOffset, 3).Clear();
        }

        using MemoryStream stream = new(copy, writable: false);
        try
        {
            using MpegFile file = new(stream);
            int channels = file.Channels;
            sink.Begin(file.SampleRate, channels);
            float[] samples = new float[1152 * 8 * channels];
            long skip = gaps.LeadIn * (long)channels, left = gaps.Samples < 0 ? long.MaxValue : gaps.Samples * channels;
            for (int read = file.ReadSamples(samples, 0, samples.Length); read > 0; read = file.ReadSamples(samples, 0, samples.Length))
            {
                int drop = (int)Math.Min(skip, read);
                skip -= drop;
                int take = (int)Math.Min(read - drop, left);
                left -= take;
                sink.Write(samples.AsSpan(drop, take));
            }
        }
        catch (Exception error) when (error is not (MediaException or OutOfMemoryException))
        {
            if (!sink.HasBegun || sink.Frames == 0)
            {
                throw new MediaException($"{sink.Name} begins as MP3 sound but no frame of it can be decoded; copy or download the file again.", error);
            }

            sink.Notice($"{sink.Name} is damaged after {sink.Frames} samples; what comes before was used.");
        }
    }
}
