using System.Globalization;
using GemmaSharp.Prompting.Sound;

namespace GemmaSharp.Media;

/// <summary>
/// Where decoders put their samples: averages the channels, changes the rate to 16 kHz, keeps the piece that is wanted, and stops what grows too long.
/// </summary>
/// <param name="name">What messages call the sound.</param>
/// <param name="options">Limits.</param>
/// <param name="window">The piece that is kept; null for everything.</param>
/// <param name="only">The one channel that is heard; null for the mean of all.</param>
internal sealed class AudioSink(string name, MediaOptions options, AudioWindow? window = null, int? only = null)
{
    const int MaxChannels = 255;

    // No recorder is slower, and a header that says so would make hours of a few bytes.
    const int LeastRate = 1000;

    // Far beyond any real level; a float file with such a value is damaged, and it would drown everything else.
    const float Loudest = 1e4f;

    // The piece in samples at 16 kHz.
    readonly double _first = window is { } piece ? Math.Round(piece.Start.TotalSeconds * Resampler.ModelRate) : 0;
    readonly double _count = window is { } piece ? Math.Round(piece.Length.TotalSeconds * Resampler.ModelRate) : double.PositiveInfinity;

    readonly List<string> _notices = [];
    readonly List<float[]> _pieces = [];
    readonly ChannelBalance _balance = new();
    AudioStretch? _stretch;
    long _outputsBefore;
    float[] _mono = [];
    float[] _frame = [];
    int _rate;
    int _channels;
    long _frames;
    long _wrong;

    /// <summary>What messages call the sound.</summary>
    public string Name => name;

    /// <summary>Whether the decoder knows rate and channels by now.</summary>
    public bool HasBegun => _stretch is not null;

    /// <summary>Sample frames taken so far, kept or not.</summary>
    public long Frames => _frames;

    /// <summary>How long it is so far, kept or not.</summary>
    public double Seconds => (_outputsBefore / (double)Resampler.ModelRate) + ((_stretch?.Taken ?? 0) / (double)Math.Max(1, _rate));

    /// <summary>Whether the piece that is wanted is complete, so that a decoder may stop.</summary>
    public bool IsDone => _stretch is { IsDone: true };

    /// <summary>How many of the next frames lie before the piece, so that a decoder may <see cref="Skip"/> them.</summary>
    public long Skippable => _stretch?.Skippable ?? 0;

    /// <summary>Whether it was refused because it is too long.</summary>
    public bool IsTooLong { get; private set; }

    /// <summary>The channel to hear alone, because the mean of all cancels; null where the mean is good.</summary>
    public int? Louder => only is null ? _balance.Louder() : null;

    /// <summary>Says the form of what comes next. A file of several recordings may change it.</summary>
    public void Begin(long rate, int channels)
    {
        if (rate is < LeastRate or > Resampler.MaxRate)
        {
            throw new MediaException(
                $"{name} says {rate} samples per second and {LeastRate} to {Resampler.MaxRate} are possible; its header is damaged: save it anew.");
        }

        if (channels is < 1 or > MaxChannels)
        {
            throw new MediaException($"{name} says {channels} channels and 1 to {MaxChannels} are possible; its header is damaged: save it anew.");
        }

        if (_stretch is null || rate != _rate)
        {
            if (_stretch is not null)
            {
                _pieces.Add(_stretch.Finish());
                _outputsBefore += _stretch.Outputs;
            }

            _rate = (int)rate;
            _stretch = new AudioStretch(_rate, Relative(_first), Relative(_first + _count));
        }

        _channels = channels;
        _frame = new float[channels];
        _balance.Begin(_rate, channels);
    }

    /// <summary>Refuses early what its header says is too long.</summary>
    /// <param name="frames">Frames from the last <see cref="Begin"/> on.</param>
    public void Expect(long frames)
    {
        double seconds = Kept((_outputsBefore / (double)Resampler.ModelRate) + (frames / (double)_rate));
        if (seconds > options.MaxAudio.TotalSeconds)
        {
            throw TooLong(Length(seconds));
        }
    }

    /// <summary>Leaves frames out that lie before the piece that is wanted.</summary>
    /// <param name="frames">At most <see cref="Skippable"/>.</param>
    public void Skip(long frames)
    {
        _frames += frames;
        _stretch!.Write([], frames);
    }

    /// <summary>Takes sample frames, channels interleaved, full scale −1 to 1.</summary>
    public void Write(ReadOnlySpan<float> interleaved)
    {
        int frames = interleaved.Length / _channels;
        Range needed = _stretch!.Needed(frames);
        int from = needed.Start.Value, to = needed.End.Value;
        if (_mono.Length < frames)
        {
            _mono = new float[frames];
        }

        for (int i = from; i < to; i++)
        {
            float sum = 0;
            ReadOnlySpan<float> values = interleaved.Slice(i * _channels, _channels);
            for (int channel = 0; channel < values.Length; channel++)
            {
                float value = values[channel];
                if (!(Math.Abs(value) <= Loudest))
                {
                    value = 0;
                    _wrong++;
                }

                _frame[channel] = value;
                sum += value;
            }

            _mono[i] = only is int channelAlone ? _frame[Math.Min(channelAlone, _channels - 1)] : sum / _channels;
            if (_channels > 1)
            {
                _balance.Add(_frame, sum / _channels);
            }
        }

        _frames += frames;
        _stretch.Write(_mono.AsSpan(from, to - from), frames);
        if (Kept(Seconds) > options.MaxAudio.TotalSeconds)
        {
            // How long it would become is not known here.
            throw TooLong("more than " + Length(options.MaxAudio.TotalSeconds));
        }
    }

    /// <summary>Adds a sentence for the person, once.</summary>
    public void Notice(string sentence)
    {
        if (!_notices.Contains(sentence))
        {
            _notices.Add(sentence);
        }
    }

    /// <summary>The whole sound, or the piece of it.</summary>
    public AudioContent Finish()
    {
        if (_stretch is null || _frames == 0)
        {
            throw new MediaException($"{name} holds no sound; at least one sample is needed: record or save it anew.");
        }

        if (window is { } piece && (_first < 0 || _count < 1 || (!IsDone && _first >= _outputsBefore + _stretch.Outputs)))
        {
            throw AudioSplitter.Outside(piece, name, IsDone ? null : Seconds);
        }

        if (_wrong > 0)
        {
            Notice($"{name}: {_wrong} sample value(s) that are no sound levels were taken as silence.");
        }

        if (only is int channel)
        {
            Notice($"{name}: its channels cancel each other when they are mixed, so channel {channel + 1} alone was used.");
        }

        float[] last = _stretch.Finish();
        float[] samples = _pieces.Count == 0 ? last : [.. _pieces.SelectMany(samples => samples), .. last];
        return new AudioContent([new AudioClip(samples, Resampler.ModelRate)], _notices);
    }

    /// <summary>Seconds as people read them.</summary>
    public static string Length(double seconds) => seconds < 120
        ? string.Create(CultureInfo.InvariantCulture, $"{seconds:0.##} s")
        : string.Create(CultureInfo.InvariantCulture, $"{Math.Floor(seconds / 60):0} min {Math.Floor(seconds % 60):0} s");

    /// <summary>How much of so many seconds is kept.</summary>
    double Kept(double seconds) => Math.Clamp(seconds - (_first / Resampler.ModelRate), 0, Math.Max(0, _count / Resampler.ModelRate));

    /// <summary>A sample of the piece, counted from where the form last changed.</summary>
    long Relative(double sample) => double.IsPositiveInfinity(sample) ? long.MaxValue : (long)Math.Max(0, sample - _outputsBefore);

    MediaException TooLong(string length)
    {
        IsTooLong = true;
        return new MediaException(
            $"{(window is null ? name : "The piece of " + name)} is {length} long and {Length(options.MaxAudio.TotalSeconds)} are allowed; take a shorter "
                + $"piece (--audio-start, --audio-length) or raise MaxAudio (--max-audio).");
    }
}
