namespace GemmaSharp.Prompting.Sound;

/// <summary>
/// Changes the sampling rate of a sound: every output sample is the input, limited to the lower of the two bands,
/// at the time <c>m / newRate</c>.
/// </summary>
/// <remarks>
/// A sinc cut off at 0.95 of half the lower rate under a Kaiser window (β = 9) of 64 zero crossings to each side: flat
/// within 0.1 dB up to 0.9 of that half, more than 80 dB down from there on, no delay, gain 1 at 0 Hz. Before and after the sound there is silence.
/// Where the two rates meet in few phases each has its own coefficients; otherwise the result is interpolated between 1,024 of them.
/// Thread-safe.
/// </remarks>
static class Resampler
{
    /// <summary>The model's rate in Hz.</summary>
    public const int ModelRate = 16_000;

    /// <summary>The highest rate in Hz that is accepted on either side.</summary>
    public const int MaxRate = 1_000_000;

    /// <summary>The clip at another rate; the clip itself if it has that rate already.</summary>
    /// <param name="clip">The sound.</param>
    /// <param name="rate">Samples per second of the result, 1 to <see cref="MaxRate"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A rate is outside 1 to <see cref="MaxRate"/>.</exception>
    /// <exception cref="ArgumentException">The result would have more samples than an array can hold.</exception>
    public static AudioClip Resample(AudioClip clip, int rate = ModelRate)
    {
        ArgumentNullException.ThrowIfNull(clip);
        return rate == clip.SampleRate ? clip : new AudioClip(Resample(clip.Samples, clip.SampleRate, rate), rate);
    }

    /// <summary>The beginning of a clip at another rate: at least the first <paramref name="most"/> samples of what the whole clip would become, without
    /// reading the rest.</summary>
    /// <inheritdoc cref="Resample(AudioClip, int)"/>
    public static float[] ResampleBeginning(AudioClip clip, int rate, int most)
    {
        ArgumentNullException.ThrowIfNull(clip);
        if (rate == clip.SampleRate)
        {
            return clip.Samples;
        }

        // The window of an output sample reaches 64 crossings of a sinc at 0.95 of the lower rate: less than 80 samples of that rate.
        double ratio = (double)clip.SampleRate / rate;
        double needed = Math.Ceiling(most * ratio) + Math.Ceiling(80 * Math.Max(1, ratio)) + 2;
        return Resample(clip.Samples.AsSpan(0, (int)Math.Min(clip.Samples.Length, needed)), clip.SampleRate, rate);
    }

    /// <summary>The samples at another rate, in a new array of <see cref="OutputLength"/> values.</summary>
    /// <param name="samples">One channel.</param>
    /// <param name="rate">Samples per second of <paramref name="samples"/>, 1 to <see cref="MaxRate"/>.</param>
    /// <param name="newRate">Samples per second of the result, 1 to <see cref="MaxRate"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A rate is outside 1 to <see cref="MaxRate"/>.</exception>
    /// <exception cref="ArgumentException">The result would have more samples than an array can hold.</exception>
    public static float[] Resample(ReadOnlySpan<float> samples, int rate, int newRate)
    {
        StreamingResampler resampler = new(rate, newRate);
        long length = OutputLength(samples.Length, rate, newRate);
        if (length > Array.MaxLength)
        {
            throw new ArgumentException(
                $"{samples.Length} samples at {rate} Hz become {length} at {newRate} Hz, and {Array.MaxLength} fit; pass a shorter piece.",
                nameof(samples));
        }

        resampler.Write(samples);
        return resampler.Finish().Samples;
    }

    /// <summary><c>round(length · newRate / rate)</c>, halves upwards.</summary>
    /// <param name="length">Number of samples now.</param>
    /// <param name="rate">Samples per second now.</param>
    /// <param name="newRate">Samples per second afterwards.</param>
    public static long OutputLength(long length, int rate, int newRate)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rate);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(newRate);
        return (long)(((2 * (Int128)length * newRate) + rate) / (2 * (Int128)rate));
    }
}
