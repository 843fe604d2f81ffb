using SkiaSharp;

namespace GemmaSharp.Media;

/// <summary>GIF, WebP and PNG files that hold more than one picture.</summary>
internal static class Animation
{
    // Browsers and ffmpeg take a delay this short for one that was left out.
    const double LeastDelay = 0.02, UsualDelay = 0.1;

    /// <summary>How many pictures a file holds; 1 where it is no animation.</summary>
    public static int CountFrames(ReadOnlySpan<byte> bytes, MediaFormat format)
    {
        if (format == MediaFormat.Png)
        {
            return ApngFrames.Count(bytes);
        }

        if (format != MediaFormat.Gif && !IsAnimatedWebP(bytes, format))
        {
            return 1;
        }

        using SKData data = SKData.CreateCopy(bytes);
        using SKCodec? codec = SKCodec.Create(data);
        return Math.Max(1, codec?.FrameCount ?? 1);
    }

    /// <summary>Whether a file is made to move, even where a single picture of it is there.</summary>
    public static bool Is(ReadOnlySpan<byte> bytes, MediaFormat format) =>
        format == MediaFormat.Gif || IsAnimatedWebP(bytes, format) || CountFrames(bytes, format) > 1;

    // Most WebP files are single pictures, which their first chunk tells.
    static bool IsAnimatedWebP(ReadOnlySpan<byte> bytes, MediaFormat format) =>
        format == MediaFormat.WebP && bytes.Length > 20 && bytes.Slice(12, 4).SequenceEqual("VP8X"u8) && (bytes[20] & 2) != 0;

    /// <summary>Samples an animation as a video is: the frame that is shown nearest to the middle of each interval, at least one.</summary>
    /// <param name="bytes">The whole file.</param>
    /// <param name="format">GIF, WebP or PNG.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="video">Which frames.</param>
    /// <param name="options">Limits.</param>
    /// <exception cref="MediaException">The file is damaged or too large.</exception>
    public static VideoContent Read(ReadOnlyMemory<byte> bytes, MediaFormat format, string name, VideoOptions video, MediaOptions options)
    {
        using IAnimationFrames frames = format == MediaFormat.Png ? new ApngFrames(bytes, name, options) : new SkiaFrames(bytes, name, options);
        double[] delays = [.. frames.Delays.Select(delay => delay < LeastDelay ? UsualDelay : delay)];
        double seconds = delays.Sum();
        FrameSampling sampling = FrameSampling.Of(seconds, video, name);
        int[] wanted = sampling.Indices(delays);

        // A picture over which nothing was drawn yet may be asked for twice.
        List<RgbImage> result = [];
        int last = -1;
        for (int i = 0; i < wanted.Length; i++)
        {
            result.Add(wanted[i] == last ? result[^1] : Smaller(frames.Frame(wanted[i]), video.MaxFrameSide));
            last = wanted[i];
        }

        return new VideoContent(result, sampling.Rate, TimeSpan.FromSeconds(seconds), null, [.. sampling.Notices, .. frames.Notices]);
    }

    static RgbImage Smaller(RgbImage image, int side)
    {
        int factor = (Math.Max(image.Width, image.Height) + side - 1) / side;
        if (factor == 1)
        {
            return image;
        }

        BoxAverage means = new(image.Width, image.Height, factor);
        for (int y = 0; y < image.Height; y++)
        {
            means.AddRow(y, image.Pixels.AsSpan(3 * y * image.Width, 3 * image.Width));
        }

        return means.ToImage();
    }
}
