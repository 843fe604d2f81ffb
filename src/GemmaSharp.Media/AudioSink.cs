using GemmaSharp.Prompting.Sound;

namespace GemmaSharp.Media;

/// <summary>
/// Where decoders put their samples: averages the channels, changes the rate to 16 kHz, and stops what grows too long.
/// </summary>
internal sealed class AudioSink(string name, MediaOptions options)
{
    const int MaxChannels = 255;

    // Far beyond any real level; a float file with such a value is damaged, and it would drown everything else.
    const float Loudest = 1e4f;

    readonly List<string> _notices = [];
    StreamingResampler? _resampler;
    float[] _mono = [];
    int _rate;
    int _channels;
    long _frames;
    long _wrong;

    /// <summary>What messages call the sound.</summary>
    public string Name => name;

    /// <summary>Whether the decoder knows rate and channels by now.</summary>
    public bool HasBegun => _resampler is not null;

    /// <summary>Sample frames taken so far.</summary>
    public long Frames => _frames;

    /// <summary>Fixes the form of the sound. A second call must say the same.</summary>
    public void Begin(long rate, int channels)
    {
        if (rate is < 1 or > Resampler.MaxRate)
        {
            throw new MediaException($"{name} says {rate} samples per second and 1 to {Resampler.MaxRate} are possible; its header is damaged: save it anew.");
        }

        if (channels is < 1 or > MaxChannels)
        {
            throw new MediaException($"{name} says {channels} channels and 1 to {MaxChannels} are possible; its header is damaged: save it anew.");
        }

        if (_resampler is not null && (rate != _rate || channels != _channels))
        {
            throw new MediaException(
                $"{name} changes from {_channels} channel(s) at {_rate} Hz to {channels} at {rate} Hz; one form throughout is needed: save it anew.");
        }

        _rate = (int)rate;
        _channels = channels;
        _resampler ??= new StreamingResampler(_rate);
    }

    /// <summary>Refuses early what its header says is too long.</summary>
    public void Expect(long frames)
    {
        if (frames > options.MaxAudio.TotalSeconds * _rate)
        {
            throw new MediaException(
                $"{name} is {Length(frames / (double)_rate)} long and {Length(options.MaxAudio.TotalSeconds)} are allowed; cut it into pieces or raise "
                    + $"MaxAudio.");
        }
    }

    /// <summary>Takes sample frames, channels interleaved, full scale −1 to 1.</summary>
    public void Write(ReadOnlySpan<float> interleaved)
    {
        int frames = interleaved.Length / _channels;
        _frames += frames;
        Expect(_frames);
        if (_mono.Length < frames)
        {
            _mono = new float[frames];
        }

        for (int i = 0; i < frames; i++)
        {
            float sum = 0;
            foreach (float value in interleaved.Slice(i * _channels, _channels))
            {
                if (Math.Abs(value) <= Loudest)
                {
                    sum += value;
                }
                else
                {
                    _wrong++;
                }
            }

            _mono[i] = sum / _channels;
        }

        _resampler!.Write(_mono.AsSpan(0, frames));
    }

    /// <summary>Adds a sentence for the person.</summary>
    public void Notice(string sentence) => _notices.Add(sentence);

    /// <summary>The whole sound.</summary>
    public AudioContent Finish()
    {
        if (_resampler is null || _frames == 0)
        {
            throw new MediaException($"{name} holds no sound; at least one sample is needed: record or save it anew.");
        }

        if (_wrong > 0)
        {
            Notice($"{name}: {_wrong} sample value(s) that are no sound levels were taken as silence.");
        }

        return new AudioContent([_resampler.Finish()], _notices);
    }

    /// <summary>Seconds as people read them.</summary>
    public static string Length(double seconds) => seconds < 120
        ? string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{seconds:0.##} s")
        : string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{Math.Floor(seconds / 60):0} min {seconds % 60:0} s");
}
