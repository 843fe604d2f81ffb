namespace GemmaSharp.Media;

/// <summary>Decodes the first sound track of a file with ffmpeg, and tells where the file is cut off, of which ffmpeg makes nothing.</summary>
internal static class FfmpegSound
{
    // What codecs hold back at the ends, and rounding, is no cut.
    const double LeastMissingSeconds = 0.25;
    const double LeastMissingShare = 0.02;

    /// <summary>Decodes the file.</summary>
    public static void Decode(Ffmpeg ffmpeg, string path, AudioSink sink)
    {
        (int exitCode, string said) = ffmpeg.Run(
            path,
            ["-map", "0:a:0", "-vn", "-sn", "-dn", "-c:a", "pcm_f32le", "-f", "wav", "-bitexact", "pipe:1"],
            output =>
            {
                try
                {
                    WavDecoder.Decode(output, sink);
                }
                catch (MediaException) when (!sink.HasBegun)
                {
                    // Nothing came out; the exit code and its reason tell more.
                }
            });
        if (sink.Frames == 0)
        {
            string reason = said.Contains("matches no streams", StringComparison.Ordinal) ? "it has no sound track"
                : said.Contains("moov atom not found", StringComparison.Ordinal) ? "its table of contents is missing, as where a file was not copied whole"
                : Ffmpeg.Reason(said, path, sink.Name);
            throw new MediaException($"{sink.Name} gives no sound ({reason}); use a file that has some.");
        }

        // Where the piece that is wanted was complete, ffmpeg was stopped, and complains of that.
        if (!sink.IsDone)
        {
            Tell(ffmpeg, path, exitCode != 0 || !string.IsNullOrWhiteSpace(said), said, sink);
        }
    }

    static void Tell(Ffmpeg ffmpeg, string path, bool isDamaged, string said, AudioSink sink)
    {
        double? duration = Duration(ffmpeg.Run(path, [], _ => { }, "info").Said);
        double missing = (duration ?? 0) - sink.Seconds;
        bool isShort = missing > Math.Max(LeastMissingSeconds, LeastMissingShare * (duration ?? 0));
        if (isShort)
        {
            sink.Notice(
                $"{sink.Name} is cut off: it says {AudioSink.Length(duration!.Value)} of sound and holds {AudioSink.Length(sink.Seconds)}; what is there "
                    + $"was used.");
        }
        else if (said.Contains("partial file", StringComparison.Ordinal) || said.Contains("ended prematurely", StringComparison.Ordinal) || IsCutOgg(path))
        {
            sink.Notice($"{sink.Name} is cut off after {AudioSink.Length(sink.Seconds)}; what is there was used.");
        }
        else if (isDamaged)
        {
            sink.Notice($"{sink.Name} is damaged ({Ffmpeg.Reason(said, path, sink.Name)}); what could be decoded was used.");
        }
    }

    /// <summary>How long a file of nothing but sound says it is; null where it has pictures too, or does not say.</summary>
    static double? Duration(string description)
    {
        bool isOthers = description.Contains("Estimating duration", StringComparison.Ordinal) || description.Contains(": Video:", StringComparison.Ordinal);
        return isOthers ? null : Ffmpeg.Duration(description)?.TotalSeconds;
    }

    /// <summary>Whether an Ogg file does not end with the last page of a stream.</summary>
    static bool IsCutOgg(string path)
    {
        const int MostPage = 65_307;
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        byte[] bytes = new byte[4];
        if (PcmStream.Fill(stream, bytes) < 4 || !bytes.AsSpan().SequenceEqual("OggS"u8))
        {
            return false;
        }

        stream.Position = Math.Max(0, stream.Length - (2 * MostPage));
        bytes = new byte[stream.Length - stream.Position];
        PcmStream.Fill(stream, bytes);
        bool isEnded = false;
        for (int at = OggPage.Find(bytes, 0); at >= 0;)
        {
            OggPage page = OggPage.Read(bytes, at);
            isEnded = page.IsGood && page.IsLast;
            at = OggPage.Find(bytes, at + (page.IsGood ? page.Size : 4));
        }

        return !isEnded;
    }
}
