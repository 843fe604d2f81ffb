using System.Globalization;

namespace GemmaSharp.Media;

/// <summary>Cuts sound that is longer than the model's 30 seconds into clips that are not, where it is quietest, and says so.</summary>
/// <remarks>
/// A cut lies between 20 and 30 seconds after the last one, earlier only where the rest would be a splinter. Loudness is the
/// energy of 100 ms, looked at every 10 ms. Nothing is dropped: the clips put together are the sound. Stateless; thread-safe.
/// </remarks>
public static class AudioSplitter
{
    /// <summary>The longest clip the model hears.</summary>
    public static readonly TimeSpan MaxClip = TimeSpan.FromSeconds(30);

    const double EarliestSeconds = 20;
    const double SplinterSeconds = 1;
    const double WindowSeconds = 0.1;
    const double HopSeconds = 0.01;

    /// <summary>Splits every clip of decoded sound.</summary>
    /// <param name="content">Sound of any length.</param>
    /// <param name="name">What the notice calls it.</param>
    /// <returns>Clips of at most <see cref="MaxClip"/>, in order, and a notice for each sound that was cut.</returns>
    public static AudioContent Split(AudioContent content, string name = "The sound")
    {
        ArgumentNullException.ThrowIfNull(content);
        List<AudioClip> clips = [];
        List<string> notices = [.. content.Notices];
        foreach (AudioClip clip in content.Clips)
        {
            IReadOnlyList<AudioClip> parts = Split(clip);
            clips.AddRange(parts);
            if (parts.Count > 1)
            {
                notices.Add(Notice(name, clip, parts));
            }
        }

        return new AudioContent(clips, notices);
    }

    /// <summary>Splits one clip.</summary>
    /// <param name="clip">Sound of any length.</param>
    /// <returns>Clips of at most <see cref="MaxClip"/>, in order; the clip itself where it is short enough.</returns>
    public static IReadOnlyList<AudioClip> Split(AudioClip clip)
    {
        ArgumentNullException.ThrowIfNull(clip);
        long most = (long)(MaxClip.TotalSeconds * clip.SampleRate);
        if (clip.Samples.Length <= most)
        {
            return [clip];
        }

        List<AudioClip> clips = [];
        int start = 0;
        while (clip.Samples.Length - start > most)
        {
            int cut = QuietestCut(clip, start);
            clips.Add(new AudioClip(clip.Samples[start..cut], clip.SampleRate));
            start = cut;
        }

        clips.Add(new AudioClip(clip.Samples[start..], clip.SampleRate));
        return clips;
    }

    /// <summary>A piece of a clip.</summary>
    /// <param name="clip">Sound of any length.</param>
    /// <param name="window">Which piece.</param>
    /// <param name="name">What messages call the sound.</param>
    /// <exception cref="MediaException">The piece begins outside the sound, or has no length.</exception>
    public static AudioClip Window(AudioClip clip, AudioWindow window, string name = "The sound")
    {
        ArgumentNullException.ThrowIfNull(clip);
        double first = Math.Round(window.Start.TotalSeconds * clip.SampleRate);
        double count = Math.Round(window.Length.TotalSeconds * clip.SampleRate);
        if (first < 0 || first >= clip.Samples.Length || count < 1)
        {
            throw Outside(window, name, clip.Duration.TotalSeconds);
        }

        int last = (int)Math.Min(first + count, clip.Samples.Length);
        return new AudioClip(clip.Samples[(int)first..last], clip.SampleRate);
    }

    /// <summary>The refusal of a piece that is not in a sound.</summary>
    /// <param name="window">The piece.</param>
    /// <param name="name">What messages call the sound.</param>
    /// <param name="seconds">How long the sound is; null where that was not looked at.</param>
    internal static MediaException Outside(AudioWindow window, string name, double? seconds) => new(string.Create(
        CultureInfo.InvariantCulture,
        $"The piece from {window.Start.TotalSeconds:0.###} s, {window.Length.TotalSeconds:0.###} s long, is not in {name}"
            + $"{(seconds is double s ? string.Create(CultureInfo.InvariantCulture, $", which is {s:0.###} s long") : "")}; begin inside it and take more than "
            + $"nothing."));

    static int QuietestCut(AudioClip clip, int start)
    {
        int rate = clip.SampleRate, rest = clip.Samples.Length - start;
        int window = Math.Max(1, (int)(WindowSeconds * rate)), hop = Math.Max(1, (int)(HopSeconds * rate));
        int low = (int)Math.Min(EarliestSeconds * rate, rest / 2.0);
        int high = (int)Math.Min(MaxClip.TotalSeconds * rate, rest - (SplinterSeconds * rate));

        // The last of equally quiet places, so that the clips are long.
        int best = high;
        double least = double.PositiveInfinity;
        for (int at = low; at <= high; at += hop)
        {
            int from = start + Math.Max(at - (window / 2), 0);
            double energy = 0;
            foreach (float sample in clip.Samples.AsSpan(from, Math.Min(window, clip.Samples.Length - from)))
            {
                energy += (double)sample * sample;
            }

            if (energy <= least)
            {
                (least, best) = (energy, at);
            }
        }

        return start + best;
    }

    static string Notice(string name, AudioClip clip, IReadOnlyList<AudioClip> parts)
    {
        List<string> cuts = [];
        TimeSpan end = TimeSpan.Zero;
        foreach (AudioClip part in parts.SkipLast(1))
        {
            end += part.Duration;
            cuts.Add(end.TotalSeconds.ToString("0.00 s", CultureInfo.InvariantCulture));
        }

        return $"{name} is {AudioSink.Length(clip.Duration.TotalSeconds)} long and a clip holds 30 s, so it was cut at quiet places into {parts.Count} "
            + $"clips: at {string.Join(", ", cuts)}.";
    }
}
