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
            if (!sink.HasBegun || sink.Frames == 0)
            {
                throw new MediaException($"{sink.Name} begins as Ogg Vorbis sound but cannot be decoded; copy or download the file again.", error);
            }

            sink.Notice($"{sink.Name} is damaged after {sink.Frames} samples; what comes before was used.");
        }
    }
}
