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
            // A length in a file may be the largest there is, beyond which no sum goes.
            long left = stream.Length - stream.Position;
            stream.Position += Math.Min(count, left);
            return count <= left;
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

    /// <summary>Decodes the samples of a file, tells their length beforehand, and afterwards where fewer were there.</summary>
    /// <param name="stream">At the first sample.</param>
    /// <param name="bytes">How many bytes there should be; <see cref="long.MaxValue"/> for all that follow.</param>
    /// <param name="format">What the bytes mean.</param>
    /// <param name="channels">How many channels are interleaved.</param>
    /// <param name="sink">Takes the samples.</param>
    public static void PourAll(Stream stream, long bytes, PcmFormat format, int channels, AudioSink sink)
    {
        if (stream.CanSeek)
        {
            sink.Expect(Math.Min(bytes, stream.Length - stream.Position) / (format.Bytes * channels));
        }

        long read = Pour(stream, bytes, format, channels, sink);
        if (bytes != long.MaxValue && read < bytes && !sink.IsDone)
        {
            sink.Notice($"{sink.Name} says {bytes} bytes of samples and holds {read}; what is there was used.");
        }
    }

    /// <summary>
    /// Decodes up to <paramref name="bytes"/> bytes of sample frames; a last frame that is not whole is left out. What the sink does not want is passed over.
    /// </summary>
    /// <returns>Bytes that were there, as far as they were looked at.</returns>
    static long Pour(Stream stream, long bytes, PcmFormat format, int channels, AudioSink sink)
    {
        int frameBytes = format.Bytes * channels;
        byte[] buffer = new byte[Math.Max(1, 65_536 / frameBytes) * frameBytes];
        float[] samples = new float[buffer.Length / format.Bytes];
        long done = 0;
        if (stream.CanSeek)
        {
            long frames = Math.Min(sink.Skippable, Math.Min(bytes, stream.Length - stream.Position) / frameBytes);
            done = frames * frameBytes;
            stream.Position += done;
            sink.Skip(frames);
        }

        while (done < bytes && !sink.IsDone)
        {
            int read = Fill(stream, buffer.AsSpan(0, (int)Math.Min(buffer.Length, bytes - done)));
            int frames = read / frameBytes;
            done += read;
            if (sink.Skippable >= frames)
            {
                sink.Skip(frames);
            }
            else
            {
                Span<float> decoded = samples.AsSpan(0, frames * channels);
                format.Decode(buffer, decoded);
                sink.Write(decoded);
            }

            if (read < buffer.Length)
            {
                break;
            }
        }

        return done;
    }
}
