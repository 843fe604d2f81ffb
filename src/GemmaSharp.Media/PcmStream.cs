namespace GemmaSharp.Media;

/// <summary>Reads exact amounts from a stream that may end early, and pours uncompressed samples into a sink.</summary>
internal static class PcmStream
{
    /// <summary>Fills as much of the buffer as the stream has left.</summary>
    public static int Fill(Stream stream, Span<byte> buffer) => stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);

    /// <summary>Skips bytes; whether all of them were there.</summary>
    public static bool Skip(Stream stream, long count)
    {
        if (stream.CanSeek)
        {
            long target = stream.Position + count;
            stream.Position = Math.Min(target, stream.Length);
            return target <= stream.Length;
        }

        byte[] buffer = new byte[(int)Math.Min(count, 65_536)];
        while (count > 0)
        {
            int read = stream.Read(buffer, 0, (int)Math.Min(count, buffer.Length));
            if (read == 0)
            {
                return false;
            }

            count -= read;
        }

        return true;
    }

    /// <summary>Decodes up to <paramref name="bytes"/> bytes of sample frames; a last frame that is not whole is left out.</summary>
    /// <returns>Bytes that were there.</returns>
    public static long Pour(Stream stream, long bytes, PcmFormat format, int channels, AudioSink sink)
    {
        int frameBytes = format.Bytes * channels;
        byte[] buffer = new byte[Math.Max(1, 65_536 / frameBytes) * frameBytes];
        float[] samples = new float[buffer.Length / format.Bytes];
        long done = 0;
        while (done < bytes)
        {
            int read = Fill(stream, buffer.AsSpan(0, (int)Math.Min(buffer.Length, bytes - done)));
            done += read;
            Span<float> decoded = samples.AsSpan(0, read / frameBytes * channels);
            format.Decode(buffer, decoded);
            sink.Write(decoded);
            if (read < buffer.Length)
            {
                break;
            }
        }

        return done;
    }
}
