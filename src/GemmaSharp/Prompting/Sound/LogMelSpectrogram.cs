using System.Buffers;
using GemmaSharp.Configuration;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Prompting.Sound;

/// <summary>From sound to what the audio tower sees: the logarithm of mel-band magnitudes, one frame every 10 ms.</summary>
/// <remarks>
/// <para>Frame i covers samples <c>hop · i …</c>: pre-emphasis, Hann window, Fourier transform, magnitude, mel bands, logarithm.</para>
/// <para>
/// Samples, pre-emphasis and window are float32 as in the reference, the rest float64: quiet bins beside a loud tone
/// are small differences of large numbers. Immutable and thread-safe.
/// Source: transformers <c>Gemma3nAudioFeatureExtractor</c>.
/// </para>
/// </remarks>
sealed class LogMelSpectrogram
{
    /// <summary>The samples of a clip that are used: 30 seconds at 16 kHz.</summary>
    public const int MaxSamples = 480_000;

    // Clips are padded with silence to a multiple of this.
    const int SampleMultiple = 128;

    readonly FeatureExtractorConfig _config;
    readonly float[] _window;
    readonly RealFft _fft;
    readonly MelFilterBank _bank;
    readonly double[] _mean;
    readonly double[] _deviation;

    /// <summary>Prepares window, transform and mel bands.</summary>
    /// <param name="config">The checkpoint's feature extractor.</param>
    public LogMelSpectrogram(FeatureExtractorConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        _config = config;
        _window = HannWindow(config.FrameLength);
        _fft = new(config.FftLength);
        _bank = new(
            config.FeatureSize, config.MinFrequency, config.MaxFrequency, _fft.Bins, (double)config.SamplingRate / config.FftLength);
        _mean = [.. config.PerBinMean ?? Enumerable.Repeat(0.0, Bands)];
        _deviation = [.. config.PerBinStddev ?? Enumerable.Repeat(1.0, Bands)];
    }

    /// <summary>Mel bands of a frame.</summary>
    public int Bands => _config.FeatureSize;

    /// <summary>Samples per second that the features are made for.</summary>
    public int SamplingRate => _config.SamplingRate;

    // One sample more than the window: room for the pre-emphasis that looks ahead.
    int FrameSpan => _config.FrameLength + 1;

    /// <summary>Frames of a clip processed alone.</summary>
    /// <param name="samples">Length of the clip, 0 or more; a clip shorter than a frame is padded to one.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="samples"/> is negative.</exception>
    public int FrameCount(int samples)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(samples);
        return FramesOf(PaddedLength(samples));
    }

    /// <summary>The features of one clip.</summary>
    /// <param name="samples">Mono, −1 … 1, at <see cref="SamplingRate"/>; what exceeds <see cref="MaxSamples"/> is left out.</param>
    /// <param name="team">The threads that share the frames; null for the caller's alone.</param>
    /// <returns>At least one frame; all are valid unless the clip is shorter than one.</returns>
    public MelFeatures Compute(ReadOnlySpan<float> samples, WorkerTeam? team = null)
    {
        samples = samples[..Math.Min(samples.Length, MaxSamples)];
        int frames = FrameCount(samples.Length);
        float[] values = new float[frames * Bands];
        ComputeFrames(samples, frames, values, team);
        return new(values, frames, Bands, [ValidOf(samples.Length, frames)]);
    }

    /// <summary>The features of several clips, each padded with silence to the longest.</summary>
    /// <param name="clips">Mono, −1 … 1, at <see cref="SamplingRate"/>; at least one.</param>
    /// <param name="team">The threads that share the frames; null for the caller's alone.</param>
    /// <returns>As the reference's batch: a padded frame holds the logarithm of the mel floor.</returns>
    /// <exception cref="ArgumentException">There is no clip.</exception>
    public MelFeatures ComputeBatch(IReadOnlyList<float[]> clips, WorkerTeam? team = null)
    {
        MelFeatures batch = NewBatch(clips);
        for (int i = 0; i < clips.Count; i++)
        {
            Compute(clips[i], i, batch, team);
        }

        return batch;
    }

    /// <summary>Room for the features of several clips, to be computed one by one.</summary>
    /// <param name="clips">The clips; at least one.</param>
    /// <exception cref="ArgumentException">There is no clip.</exception>
    public MelFeatures NewBatch(IReadOnlyList<float[]> clips)
    {
        ArgumentNullException.ThrowIfNull(clips);
        if (clips.Count == 0)
        {
            throw new ArgumentException("There is no clip; a batch needs at least one.", nameof(clips));
        }

        int frames = clips.Max(clip => FrameCount(clip.Length));
        int[] valid = [.. clips.Select(clip => ValidOf(Math.Min(clip.Length, MaxSamples), frames))];
        return new(new float[checked(clips.Count * frames * Bands)], frames, Bands, valid);
    }

    /// <summary>The features of one clip of a batch.</summary>
    /// <param name="samples">The clip.</param>
    /// <param name="index">Its number in the batch.</param>
    /// <param name="batch">Receives them.</param>
    /// <param name="team">The threads that share the frames; null for the caller's alone.</param>
    public void Compute(ReadOnlySpan<float> samples, int index, MelFeatures batch, WorkerTeam? team) => ComputeFrames(
        samples[..Math.Min(samples.Length, MaxSamples)], batch.Frames, batch.Values.AsSpan(index * batch.Frames * Bands, batch.Frames * Bands), team);

    /// <summary>The first frames of a clip, with padding after its end.</summary>
    /// <param name="samples">Mono, at <see cref="SamplingRate"/>.</param>
    /// <param name="frames">How many frames; frame i needs samples <c>hop · i …</c>, and sees padding where there are none.</param>
    /// <param name="destination"><c>[frames, Bands]</c></param>
    /// <param name="team">The threads that share the frames; null for the caller's alone.</param>
    /// <exception cref="ArgumentException"><paramref name="destination"/> is too short.</exception>
    public void ComputeFrames(ReadOnlySpan<float> samples, int frames, Span<float> destination, WorkerTeam? team = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(frames);
        if (destination.Length < (long)frames * Bands)
        {
            throw new ArgumentException(
                $"The destination has {destination.Length} elements; {frames} frames of {Bands} bands need {(long)frames * Bands}.",
                nameof(destination));
        }

        FramesJob job = new(this, samples, destination);
        if (team is null)
        {
            job.Run(0, frames);
        }
        else
        {
            team.Run(ref job, frames, grain: 32);
        }
    }

    int PaddedLength(int samples)
    {
        int length = Math.Max(Math.Min(samples, MaxSamples), FrameSpan);
        return (length + SampleMultiple - 1) / SampleMultiple * SampleMultiple;
    }

    int FramesOf(int paddedLength) => (paddedLength - FrameSpan) / _config.HopLength + 1;

    // Frame i is valid when sample hop · i is real.
    int ValidOf(int samples, int frames) => Math.Min(frames, (samples + _config.HopLength - 1) / _config.HopLength);

    // Float32 as in the reference: a float64 window moves quiet bins beside a loud tone by 2e-4.
    static float[] HannWindow(int length)
    {
        float[] window = new float[length];
        for (int n = 0; n < length; n++)
        {
            window[n] = 0.5f * (1 - MathF.Cos((float)(2 * Math.PI) * n / length));
        }

        return window;
    }

    /// <summary>Frames <c>first … last − 1</c>.</summary>
    readonly ref struct FramesJob(LogMelSpectrogram owner, ReadOnlySpan<float> samples, Span<float> destination) : IParallelJob
    {
        readonly ReadOnlySpan<float> _samples = samples;
        readonly Span<float> _destination = destination;

        public void Run(int first, int last)
        {
            FeatureExtractorConfig config = owner._config;
            RealFft fft = owner._fft;
            float[] span = ArrayPool<float>.Shared.Rent(owner.FrameSpan);
            double[] scratch = ArrayPool<double>.Shared.Rent(fft.Length + fft.Bins);
            try
            {
                Span<float> x = span.AsSpan(0, owner.FrameSpan);
                Span<double> windowed = scratch.AsSpan(0, fft.Length);
                Span<double> magnitudes = scratch.AsSpan(fft.Length, fft.Bins);
                for (int frame = first; frame < last; frame++)
                {
                    Cut((long)frame * config.HopLength, x);
                    Emphasise(x, windowed);
                    fft.Magnitudes(windowed, magnitudes);
                    Logarithms(magnitudes, _destination.Slice(frame * owner.Bands, owner.Bands));
                }
            }
            finally
            {
                ArrayPool<float>.Shared.Return(span);
                ArrayPool<double>.Shared.Return(scratch);
            }
        }

        /// <summary>The samples from <paramref name="start"/> on, then padding.</summary>
        void Cut(long start, Span<float> x)
        {
            int present = (int)Math.Clamp(_samples.Length - start, 0, x.Length);
            if (present > 0)
            {
                _samples.Slice((int)start, present).CopyTo(x);
            }

            x[present..].Fill((float)owner._config.PaddingValue);
            float scale = (float)owner._config.InputScaleFactor;
            if (scale != 1)
            {
                foreach (ref float sample in x)
                {
                    sample *= scale;
                }
            }
        }

        /// <summary>Pre-emphasis and window; zeros up to the transform's length.</summary>
        void Emphasise(ReadOnlySpan<float> x, Span<double> windowed)
        {
            ReadOnlySpan<float> window = owner._window;
            float factor = (float)owner._config.Preemphasis;
            if (owner._config.PreemphasisHtkFlavor || factor == 0)
            {
                windowed[0] = x[0] * (float)(1 - owner._config.Preemphasis) * window[0];
                for (int n = 1; n < window.Length; n++)
                {
                    windowed[n] = (x[n] - factor * x[n - 1]) * window[n];
                }
            }
            else
            {
                for (int n = 0; n < window.Length; n++)
                {
                    windowed[n] = (x[n + 1] - factor * x[n]) * window[n];
                }
            }

            windowed[window.Length..].Clear();
        }

        void Logarithms(ReadOnlySpan<double> magnitudes, Span<float> frame)
        {
            double floor = owner._config.MelFloor;
            for (int m = 0; m < frame.Length; m++)
            {
                double log = Math.Log(Math.Max(owner._bank.Energy(magnitudes, m), floor));
                frame[m] = (float)((log - owner._mean[m]) / owner._deviation[m]);
            }
        }
    }
}
