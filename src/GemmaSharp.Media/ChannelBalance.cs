namespace GemmaSharp.Media;

/// <summary>Notices channels that cancel each other when they are averaged, as where one of two is turned round.</summary>
/// <remarks>
/// Looks at half a second at a time, and at differences from sample to sample, so that neither a constant nor mains hum, which the channels have in common,
/// hides that the voice is gone.
/// </remarks>
internal sealed class ChannelBalance
{
    // Of unrelated channels the mean has 1/n of the energy; a tenth of that comes from nothing but opposite signs.
    const double Cancelled = 0.1;

    // One part in so many of the sound's energy lying in such stretches is enough.
    const double Share = 0.25;

    // Of channels that are about as loud, rounding must not decide.
    const double AsLoud = 0.9;

    double[] _last = [];
    double[] _energy = [];
    double[] _total = [];
    double _lastMean;
    double _meanEnergy;
    double _all;
    double _gone;
    int _frames;
    int _blockFrames;
    int _channels;

    /// <summary>Says what comes next.</summary>
    public void Begin(int rate, int channels)
    {
        Close();
        _channels = channels;
        _blockFrames = Math.Max(1, rate / 2);
        (_last, _energy) = (new double[channels], new double[channels]);
        Array.Resize(ref _total, Math.Max(channels, _total.Length));
        _lastMean = 0;
    }

    /// <summary>Looks at one frame.</summary>
    public void Add(ReadOnlySpan<float> frame, float mean)
    {
        for (int i = 0; i < frame.Length; i++)
        {
            double step = frame[i] - _last[i];
            _last[i] = frame[i];
            _energy[i] += step * step;
        }

        double meanStep = mean - _lastMean;
        _lastMean = mean;
        _meanEnergy += meanStep * meanStep;
        if (++_frames == _blockFrames)
        {
            Close();
        }
    }

    /// <summary>The loudest channel where the channels cancel each other; null where their mean is good.</summary>
    public int? Louder()
    {
        Close();
        return _gone > Share * _all ? Array.FindIndex(_total, energy => energy >= AsLoud * _total.Max()) : null;
    }

    void Close()
    {
        double average = 0;
        for (int i = 0; i < _energy.Length; i++)
        {
            average += _energy[i] / _channels;
            _total[i] += _energy[i];
        }

        _all += average;
        _gone += _channels > 1 && _meanEnergy * _channels < Cancelled * average ? average : 0;
        Array.Clear(_energy);
        (_meanEnergy, _frames) = (0, 0);
    }
}
