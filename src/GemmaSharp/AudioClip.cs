namespace GemmaSharp;

/// <summary>Sound of one channel. The model hears 16,000 samples per second and at most 30 seconds per clip.</summary>
/// <remarks>Immutable as long as nobody writes into <see cref="Samples"/>; may then be read from any thread.</remarks>
public sealed record AudioClip
{
    /// <summary>Wraps samples without copying them.</summary>
    /// <param name="Samples">One channel, full scale −1 to 1.</param>
    /// <param name="SampleRate">Samples per second, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="SampleRate"/> is not positive.</exception>
    public AudioClip(float[] Samples, int SampleRate)
    {
        ArgumentNullException.ThrowIfNull(Samples);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(SampleRate);
        this.Samples = Samples;
        this.SampleRate = SampleRate;
    }

    /// <summary>One channel, full scale −1 to 1.</summary>
    public float[] Samples { get; }

    /// <summary>Samples per second.</summary>
    public int SampleRate { get; }

    /// <summary><c>Samples.Length / SampleRate</c>.</summary>
    public TimeSpan Duration => TimeSpan.FromSeconds((double)Samples.Length / SampleRate);
}
