using System.Numerics;
using GemmaSharp.Prompting.Sound;

namespace GemmaSharp.Media;

/// <summary>Mono sound of one rate on its way to 16 kHz, of which a part is kept: what lies outside is counted and not held.</summary>
/// <remarks>
/// The part is the same, sample for sample, as if the whole had been kept. For that the resampler begins where an input and an output sample coincide, and
/// so early that its window sees everything it would have seen.
/// </remarks>
internal sealed class AudioStretch
{
    readonly StreamingResampler _resampler;
    readonly int _rate;
    readonly long _first;
    readonly long _last;

    // Input samples [_skip, _end) go into the resampler, whose first output is number _before.
    readonly long _skip;
    readonly long _end;
    readonly long _before;

    /// <summary>Prepares for sound of a rate.</summary>
    /// <param name="rate">Samples per second.</param>
    /// <param name="first">The first sample at 16 kHz that is kept.</param>
    /// <param name="last">The one behind the last that is kept; <see cref="long.MaxValue"/> for all.</param>
    public AudioStretch(int rate, long first, long last)
    {
        _resampler = new StreamingResampler(rate);
        (_rate, _first, _last) = (rate, first, last);
        int common = (int)BigInteger.GreatestCommonDivisor(rate, Resampler.ModelRate);
        long step = rate / common, outputs = Resampler.ModelRate / common;

        // The resampler's window: 64 crossings of a sinc at 0.95 of the lower rate to each side.
        long margin = 80L * ((rate / Resampler.ModelRate) + 1);
        long blocks = Math.Max(0, Input(first) - margin) / step;
        _skip = blocks * step;
        _before = blocks * outputs;
        _end = last == long.MaxValue ? long.MaxValue : Input(last) + margin;
    }

    /// <summary>Samples taken, kept or not.</summary>
    public long Taken { get; private set; }

    /// <summary>Samples at 16 kHz that all of these become.</summary>
    public long Outputs => Resampler.OutputLength(Taken, _rate, Resampler.ModelRate);

    /// <summary>How many of the next samples are not needed.</summary>
    public long Skippable => Math.Max(0, _skip - Taken);

    /// <summary>Whether nothing more is needed.</summary>
    public bool IsDone => Taken >= _end;

    /// <summary>Which of the next samples are needed.</summary>
    public Range Needed(int count) =>
        (int)Math.Clamp(_skip - Taken, 0, count)..(int)Math.Clamp(_end - Taken, 0, count);

    /// <summary>Takes the next samples, of which <paramref name="needed"/> are those that <see cref="Needed"/> names.</summary>
    public void Write(ReadOnlySpan<float> needed, long count)
    {
        _resampler.Write(needed);
        Taken += count;
    }

    /// <summary>The part that is kept.</summary>
    public float[] Finish()
    {
        float[] samples = _resampler.Finish().Samples;
        int from = (int)Math.Clamp(_first - _before, 0, samples.Length);
        int to = (int)Math.Clamp(_last - _before, from, samples.Length);
        return from == 0 && to == samples.Length ? samples : samples[from..to];
    }

    /// <summary>The input sample at or behind an output sample.</summary>
    long Input(long output) => (long)((((Int128)output * _rate) + Resampler.ModelRate - 1) / Resampler.ModelRate);
}
