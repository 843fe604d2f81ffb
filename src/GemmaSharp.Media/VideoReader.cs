using System.Globalization;
using System.Text.RegularExpressions;

namespace GemmaSharp.Media;

/// <summary>Samples frames and sound of a video with an installed ffmpeg, which also turns frames upright.</summary>
/// <remarks>Stateless; thread-safe.</remarks>
public static partial class VideoReader
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
        if (format.Kind != MediaKind.Video && format != MediaFormat.Gif)
        {
            throw new MediaException(format.Kind == MediaKind.Unknown
                ? $"{name} is in no format that is known here and a video is needed; save it as MP4 or WebM."
                : $"{name} is {ImageReader.Article(format.Name)} {format.Name} file and a video is needed; give an MP4, WebM, MOV, MKV or AVI file.");
        }

        Ffmpeg ffmpeg = Ffmpeg.Find(options, name, format with { Kind = MediaKind.Video });
        string description = ffmpeg.Run(path, [], _ => { }, "info").Said;
        TimeSpan? duration = Duration(description);
        if (duration > options.MaxAudio && video.WithAudio)
        {
            throw new MediaException(
                $"{name} is {AudioSink.Length(duration.Value.TotalSeconds)} long and {AudioSink.Length(options.MaxAudio.TotalSeconds)} of sound are allowed; "
                    + $"cut it, raise MaxAudio, or leave the sound out.");
        }

        List<string> notices = [];
        double rate = video.FramesPerSecond;
        if (duration is { TotalSeconds: > 0 } length && length.TotalSeconds * rate > video.MaxFrames)
        {
            rate = video.MaxFrames / length.TotalSeconds;
            notices.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"{name} is {AudioSink.Length(length.TotalSeconds)} long: {video.MaxFrames} frames were taken, one every {1 / rate:0.##} s."));
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

    static List<RgbImage> Frames(
        Ffmpeg ffmpeg, string path, string name, double rate, VideoOptions video, MediaOptions options, List<string> notices)
    {
        string filter = string.Create(
            CultureInfo.InvariantCulture,
            $"fps={rate:0.######},scale=w='min({video.MaxFrameSide},iw)':h='min({video.MaxFrameSide},ih)':force_original_aspect_ratio=decrease,format=rgb24");
        List<RgbImage> frames = [];
        (int exitCode, string said) = ffmpeg.Run(
            path,
            ["-map", "0:v:0", "-an", "-sn", "-dn", "-vf", filter, "-frames:v", video.MaxFrames.ToString(CultureInfo.InvariantCulture), "-c:v", "ppm", "-f",
                "image2pipe", "pipe:1"],
            output =>
            {
                while (frames.Count < video.MaxFrames && PpmReader.Read(output, name, options) is { } frame)
                {
                    frames.Add(frame);
                }
            });
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
    }

    static TimeSpan? Duration(string description)
    {
        Match match = DurationPattern().Match(description);
        return match.Success
            ? TimeSpan.FromSeconds(
                (3600 * int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture))
                + (60 * int.Parse(match.Groups[2].ValueSpan, CultureInfo.InvariantCulture))
                + double.Parse(match.Groups[3].ValueSpan, CultureInfo.InvariantCulture))
            : null;
    }

    [GeneratedRegex(@"Duration: (\d{1,5}):(\d\d):(\d\d\.\d+)")]
    private static partial Regex DurationPattern();
}
