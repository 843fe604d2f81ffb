using System.Globalization;

namespace GemmaSharp.Media;

/// <summary>Which moments of a video are looked at.</summary>
/// <param name="Rate">Frames per second of the video.</param>
/// <param name="Count">How many.</param>
/// <param name="Notices">What a person should know of that.</param>
internal sealed record FrameSampling(double Rate, int Count, IReadOnlyList<string> Notices)
{
    // Times are sums of fractions.
    const double Rounding = 1e-6;

    /// <summary>The sampling of a video of a known length: <c>round(duration · rate)</c> frames, at least one, and at most what is allowed.</summary>
    public static FrameSampling Of(double seconds, VideoOptions video, string name)
    {
        double rate = video.FramesPerSecond;
        List<string> notices = [];
        if (seconds * rate > video.MaxFrames)
        {
            rate = video.MaxFrames / seconds;
            notices.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"{name} is {AudioSink.Length(seconds)} long: {video.MaxFrames} frames were taken, one every {1 / rate:0.##} s."));
        }

        int count = (int)Math.Clamp(Math.Round((seconds * rate) + Rounding, MidpointRounding.AwayFromZero), 1, video.MaxFrames);

        // One frame stands for all of what is shorter than half its share.
        return new FrameSampling(seconds > 0 && seconds * rate < 0.5 ? 1 / seconds : rate, count, notices);
    }

    /// <summary>The frames shown then: for the n-th the last that begins before the time (n + ½) / rate, as ffmpeg's <c>fps</c> filter takes them.</summary>
    public int[] Indices(IReadOnlyList<double> delays)
    {
        int[] indices = new int[Count];
        int frame = 0;
        double end = delays[0];
        for (int n = 0; n < indices.Length; n++)
        {
            double time = (n + 0.5) / Rate;
            while (frame + 1 < delays.Count && end < time - Rounding)
            {
                end += delays[++frame];
            }

            indices[n] = frame;
        }

        return indices;
    }
}
