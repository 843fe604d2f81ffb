using GemmaSharp.Numerics.Kernels;

namespace GemmaSharp.Prompting.Sound;

/// <summary>
/// <see cref="Resampler"/> for a sound that arrives in pieces: only the result and a short stretch of the input are held.
/// </summary>
/// <remarks>The result does not depend on how the sound is cut into pieces. Not thread-safe.</remarks>
sealed class StreamingResampler
{
    const int BlockSamples = 1 << 15;

    readonly int _rate;
    readonly int _newRate;
    readonly ResamplerFilter? _filter;

    // The stretch of the input still needed; _pending[0] is input sample _start, which is negative at first: silence before the sound.
    readonly float[] _pending = [];
    int _held;
    long _start;

    long _read;
    float[] _output = [];
    int _written;

    /// <summary>Prepares a change of rate.</summary>
    /// <param name="rate">Samples per second of the input, 1 to <see cref="Resampler.MaxRate"/>.</param>
    /// <param name="newRate">Samples per second of the result, 1 to <see cref="Resampler.MaxRate"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A rate is outside that range.</exception>
    public StreamingResampler(int rate, int newRate = Resampler.ModelRate)
    {
        Check(rate, nameof(rate));
        Check(newRate, nameof(newRate));
        _rate = rate;
        _newRate = newRate;
        if (rate != newRate)
        {
            _filter = new ResamplerFilter(rate, newRate);
            _pending = new float[BlockSamples + (2 * _filter.Taps)];
            _held = (_filter.Taps / 2) - 1;
            _start = -_held;
        }
    }

    /// <summary>Samples of the result so far.</summary>
    public int Written => _written;

    /// <summary>Takes the next piece of the sound.</summary>
    /// <param name="samples">One channel.</param>
    public void Write(ReadOnlySpan<float> samples)
    {
        _read += samples.Length;
        if (_filter is null)
        {
            samples.CopyTo(Grow(samples.Length));
            return;
        }

        while (!samples.IsEmpty)
        {
            ReadOnlySpan<float> block = samples[..Math.Min(samples.Length, BlockSamples)];
            samples = samples[block.Length..];
            Take(_filter, block, long.MaxValue);
        }
    }

    /// <summary>Ends the sound, after which there is silence, and gives the whole result.</summary>
    /// <returns><see cref="Resampler.OutputLength"/> samples.</returns>
    public AudioClip Finish()
    {
        if (_filter is not null && _read > 0)
        {
            long length = Resampler.OutputLength(_read, _rate, _newRate);
            float[] silence = new float[Math.Min(_filter.Taps, BlockSamples)];
            while (_written < length)
            {
                Take(_filter, silence, length);
            }
        }

        return new AudioClip(_output.Length == _written ? _output : _output[.._written], _newRate);
    }

    /// <summary>Adds a block and makes every output whose window is complete.</summary>
    void Take(ResamplerFilter filter, ReadOnlySpan<float> block, long length)
    {
        block.CopyTo(_pending.AsSpan(_held));
        _held += block.Length;

        long end = Math.Min(filter.OutputsBefore(_start + _held - (filter.Taps / 2)), length);
        Span<float> destination = Grow((int)Math.Max(end - _written, 0));
        long first = end - destination.Length;
        for (int i = 0; i < destination.Length; i++)
        {
            (long n, int phase, float mix) = filter.Locate(first + i);
            ReadOnlySpan<float> window = _pending.AsSpan((int)(n - (filter.Taps / 2) + 1 - _start), filter.Taps);
            float value = VectorMath.Dot(window, filter.Phase(phase));
            if (mix != 0)
            {
                value += mix * (VectorMath.Dot(window, filter.Phase(phase + 1)) - value);
            }

            destination[i] = value;
        }

        (long next, _, _) = filter.Locate(_written);
        int drop = (int)Math.Clamp(next - (filter.Taps / 2) + 1 - _start, 0, _held);
        _pending.AsSpan(drop, _held - drop).CopyTo(_pending);
        _held -= drop;
        _start += drop;
    }

    Span<float> Grow(int count)
    {
        int needed = checked(_written + count);
        if (needed > _output.Length)
        {
            Array.Resize(ref _output, (int)Math.Min(Math.Max(needed, 2L * _output.Length), Array.MaxLength));
        }

        Span<float> added = _output.AsSpan(_written, count);
        _written = needed;
        return added;
    }

    static void Check(int rate, string name)
    {
        if (rate is < 1 or > Resampler.MaxRate)
        {
            throw new ArgumentOutOfRangeException(
                name, rate, $"A sampling rate of {rate} Hz is not one of sound; give 1 to {Resampler.MaxRate} samples per second.");
        }
    }
}
