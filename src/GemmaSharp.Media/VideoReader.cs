using System.Globalization;

namespace GemmaSharp.Media;

/// <summary>
/// Samples frames and sound of a video with an installed ffmpeg, which also turns frames upright; frames of an animated GIF, WebP or PNG without it.
/// </summary>
/// <remarks>Stateless; thread-safe.</remarks>
public static class VideoReader
{
    /// <summary>Reads a file.</summary>
    /// <param name="path">Where it is.</param>
    /// <param name="video">Which frames; <see langword="null"/> for the defaults.</param>
    /// <param name="options">Limits and the ffmpeg program; <see langword="null"/> for the defaults.</param>
    /// <exception cref="MediaException">The file is missing, too large, damaged or no video, or there is no ffmpeg.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number in <paramref name="video"/> is not positive.</exception>
    public static VideoContent Read(string path, VideoOptions? video = null, MediaOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        options ??= MediaOptions.Default;
        string name = Path.GetFileName(path);
        byte[] start = new byte[4096];
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
            if (stream.Length > options.MaxFileBytes)
            {
                throw MediaBytes.TooLarge(name, stream.Length, options);
            }

            start = start[..PcmStream.Fill(stream, start)];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw MediaBytes.CannotOpen(path, error);
        }

        return Read(path, start, name, video ?? VideoOptions.Default, options);
    }

    /// <summary>Reads a file held in memory.</summary>
    /// <param name="bytes">The whole file.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="video">Which frames; <see langword="null"/> for the defaults.</param>
    /// <param name="options">Limits and the ffmpeg program; <see langword="null"/> for the defaults.</param>
    /// <exception cref="MediaException">The bytes are too many, damaged or no video, or there is no ffmpeg.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number in <paramref name="video"/> is not positive.</exception>
    public static VideoContent Read(ReadOnlyMemory<byte> bytes, string name = "The video", VideoOptions? video = null, MediaOptions? options = null)
    {
        options ??= MediaOptions.Default;
        return bytes.Length > options.MaxFileBytes
            ? throw MediaBytes.TooLarge(name, bytes.Length, options)
            : Ffmpeg.WithFile(bytes, path => Read(path, bytes.Span[..Math.Min(bytes.Length, 4096)], name, video ?? VideoOptions.Default, options));
    }

    static VideoContent Read(string path, ReadOnlySpan<byte> start, string name, VideoOptions video, MediaOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(video.FramesPerSecond);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(video.MaxFrames);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(video.MaxFrameSide);
        MediaFormat format = MediaFormat.Detect(start);
        if (format == MediaFormat.Gif || format == MediaFormat.WebP || format == MediaFormat.Png)
        {
            byte[] bytes = MediaBytes.ReadFile(path, options);
            return Animation.Is(bytes, format) ? Animation.Read(bytes, format, name, video, options)
                : throw new MediaException($"{name} is a {format.Name} file and a video is needed; it holds one picture, which --image takes.");
        }

        if (format.Kind != MediaKind.Video && format.Name != "AVIF")
        {
            throw new MediaException(format.Kind == MediaKind.Unknown
                ? $"{name} is in no format that is known here and a video is needed; save it as MP4 or WebM."
                : $"{name} is {ImageReader.Article(format.Name)} {format.Name} file and a video is needed; give an MP4, WebM, MOV, MKV or AVI file.");
        }

        Ffmpeg ffmpeg = Ffmpeg.Find(options, name, format with { Kind = MediaKind.Video });
        string description = ffmpeg.Run(path, [], _ => { }, "info").Said;
        List<string> notices = [];
        TimeSpan? said = Ffmpeg.Duration(description), duration = Length(ffmpeg, path, said, name, notices);
        if ((said ?? duration) is TimeSpan whole && whole > options.MaxAudio && video.WithAudio)
        {
            throw new MediaException(
                $"{name} is {AudioSink.Length(whole.TotalSeconds)} long and {AudioSink.Length(options.MaxAudio.TotalSeconds)} of sound are allowed; "
                    + $"cut it, raise MaxAudio (--max-audio), or leave the sound out.");
        }

        double rate = video.FramesPerSecond;
        if (duration is { TotalSeconds: > 0 } length)
        {
            FrameSampling sampling = FrameSampling.Of(length.TotalSeconds, video, name);
            rate = sampling.Rate;
            notices.AddRange(sampling.Notices);
        }

        List<RgbImage> frames = Frames(ffmpeg, path, name, rate, video, options, notices);
        AudioContent? audio = null;
        if (video.WithAudio && description.Contains(": Audio:", StringComparison.Ordinal))
        {
            audio = AudioSplitter.Split(AudioReader.WithFfmpeg(ffmpeg, path, name, options), name);
            notices.AddRange(audio.Notices);
        }

        return new VideoContent(frames, rate, duration, audio, notices);
    }

    /// <summary>
    /// How long the pictures go on. Recorders that were killed, or wrote to a pipe, leave no length in the file, and a file that was cut off has a wrong one,
    /// so that all packets are looked at, without decoding them.
    /// </summary>
    static TimeSpan? Length(Ffmpeg ffmpeg, string path, TimeSpan? said, string name, List<string> notices)
    {
        string progress = "";
        string message = ffmpeg.Run(
            path, ["-map", "0:v:0", "-c", "copy", "-progress", "pipe:1", "-f", "null", "-"],
            output => progress = new StreamReader(output).ReadToEnd(), "warning").Said;
        double last = Last("out_time_us=") / 1e6, frames = Last("frame=");
        if (message.Contains("corrupt", StringComparison.OrdinalIgnoreCase) || message.Contains("partial file", StringComparison.Ordinal)
            || message.Contains("ended prematurely", StringComparison.Ordinal) || message.Contains("Truncat", StringComparison.OrdinalIgnoreCase))
        {
            notices.Add($"{name} is cut off or damaged{(last > 0 ? $" after {AudioSink.Length(last)}" : "")}; what could be decoded was used.");
        }

        if (!(last > 0))
        {
            return said;
        }

        // The last packet's time is its beginning; it is shown as long as the others are.
        double seconds = frames > 1 ? last * frames / (frames - 1) : last;
        if (said is null || said == TimeSpan.Zero)
        {
            return TimeSpan.FromSeconds(seconds);
        }

        if (Math.Abs(said.Value.TotalSeconds - seconds) <= 1 + (0.05 * seconds))
        {
            return said;
        }

        notices.Add(
            $"{name} says that it is {AudioSink.Length(said.Value.TotalSeconds)} long and its pictures end after {AudioSink.Length(seconds)}; frames were "
                + "taken from these.");
        return TimeSpan.FromSeconds(seconds);

        double Last(string key)
        {
            int at = progress.LastIndexOf(key, StringComparison.Ordinal);
            if (at < 0)
            {
                return double.NaN;
            }

            ReadOnlySpan<char> rest = progress.AsSpan(at + key.Length);
            int end = rest.IndexOf('\n');
            return double.TryParse(rest[..(end < 0 ? rest.Length : end)], CultureInfo.InvariantCulture, out double number) ? number : double.NaN;
        }
    }

    static List<RgbImage> Frames(
        Ffmpeg ffmpeg, string path, string name, double rate, VideoOptions video, MediaOptions options, List<string> notices)
    {
        string scale = string.Create(
            CultureInfo.InvariantCulture,
            $"scale=w='min({video.MaxFrameSide},iw)':h='min({video.MaxFrameSide},ih)':force_original_aspect_ratio=decrease,format=rgba");
        List<RgbImage> frames = [];
        (int exitCode, string said) = Take(string.Create(CultureInfo.InvariantCulture, $"fps={rate:0.######},{scale}"), video.MaxFrames);
        if (frames.Count == 0)
        {
            // Shorter than half of what one frame stands for.
            (exitCode, said) = Take(scale, 1);
        }

        if (frames.Count == 0)
        {
            string reason = said.Contains("matches no streams", StringComparison.Ordinal) ? "it has no pictures" : Ffmpeg.Reason(said, path, name);
            throw new MediaException($"{name} gives no frame ({reason}); use a video that plays.");
        }

        if (exitCode != 0)
        {
            notices.Add($"{name} is damaged ({Ffmpeg.Reason(said, path, name)}); what could be decoded was used.");
        }

        return frames;

        (int ExitCode, string Said) Take(string filter, int most) => ffmpeg.Run(
            path,
            ["-map", "0:v:0", "-an", "-sn", "-dn", "-vf", filter, "-frames:v", most.ToString(CultureInfo.InvariantCulture), "-c:v", "pam", "-f",
                "image2pipe", "pipe:1"],
            output =>
            {
                while (frames.Count < most && PamReader.Read(output, name, options) is { } frame)
                {
                    frames.Add(frame);
                }
            });
    }
}
