using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Model.Audio;

/// <summary>The encoder of sound: log-mel frames in, one row of D channels for every 160 ms out.</summary>
/// <remarks>
/// Sub-sampling by 4 in time, then conformer blocks, of whose result every 4th step is kept. A row depends only on the frames up to a little beyond its
/// own time. Immutable and thread-safe after construction. Source: transformers <c>Gemma3nAudioEncoder</c>.
/// </remarks>
sealed class AudioTower
{
    readonly string _path;
    readonly ReducedProducts? _products;
    readonly AudioConfig _config;
    readonly LinearModules _linears;
    readonly SubSampleConvProjection _subsampleConvProjection;
    readonly ConformerBlock[] _conformer;

    /// <summary>Asks for all parameters of the tower.</summary>
    /// <param name="scope">The place <c>audio_tower</c>.</param>
    /// <param name="config">The checkpoint's <c>audio_config</c>.</param>
    /// <exception cref="ConfigurationException">The configuration describes a sub-sampling that cannot be.</exception>
    public AudioTower(ParameterScope scope, AudioConfig config)
    {
        ArgumentNullException.ThrowIfNull(scope);
        ArgumentNullException.ThrowIfNull(config);
        scope = scope.AsTower();
        _products = scope.ReducedProducts;
        _path = scope.Path;
        _config = config;
        _linears = scope.Linears;
        _subsampleConvProjection = new(scope["subsample_conv_projection"], config);
        _conformer = new ConformerBlock[config.ConfNumHiddenLayers];
        for (int i = 0; i < _conformer.Length; i++)
        {
            _conformer[i] = new(scope["conformer"][i], config);
        }
    }

    /// <summary>D, channels of a row.</summary>
    public int Width => _config.HiddenSize;

    /// <summary>Mel bands of an input frame.</summary>
    public int Bands => _config.InputFeatSize;

    /// <summary>Conformer steps of a clip.</summary>
    /// <param name="melFrames">Its mel frames, padding included, 0 or more.</param>
    public int Steps(int melFrames) => _subsampleConvProjection.Steps(melFrames);

    /// <summary>Output rows of a clip.</summary>
    /// <param name="melFrames">Its mel frames, padding included, 0 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="melFrames"/> is negative.</exception>
    public int OutputFrames(int melFrames)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(melFrames);
        return CeilingDivide(Steps(melFrames), _config.ConfReductionFactor);
    }

    /// <summary>Output rows of a clip that are sound; the rest of <see cref="OutputFrames"/> is padding.</summary>
    /// <param name="melFrames">Its mel frames, padding included.</param>
    /// <param name="validFrames">Its mel frames before the padding, 0 to <paramref name="melFrames"/>.</param>
    public int ValidOutputFrames(int melFrames, int validFrames) =>
        CeilingDivide(ValidSteps(melFrames, validFrames), _config.ConfReductionFactor);

    /// <summary>Encodes one clip without padding; returns when it is done.</summary>
    /// <param name="mel"><c>[frames, Bands]</c></param>
    /// <param name="frames">Mel frames, at least 1.</param>
    /// <param name="destination">Receives <c>[OutputFrames(frames), Width]</c>.</param>
    /// <param name="team">The threads that share the work.</param>
    /// <param name="trace">Receives every block's output, or null.</param>
    /// <param name="adapters">What is added to the linear layers; null for nothing.</param>
    /// <exception cref="ArgumentException">An array is too short, or the adapters are another model's.</exception>
    public void Forward(float[] mel, int frames, float[] destination, WorkerTeam team, ITrace? trace = null, AdapterSet? adapters = null) =>
        Forward(mel, frames, [frames], destination, team, trace, adapters);

    /// <summary>Encodes clips of the same length, padded where they are shorter; returns when they are done.</summary>
    /// <param name="mel"><c>[clips, frames, Bands]</c></param>
    /// <param name="frames">Mel frames of each clip, padding included; at least 1.</param>
    /// <param name="validFrames"><c>[clips]</c>: each clip's frames before the padding, 0 to <paramref name="frames"/>.</param>
    /// <param name="destination">Receives <c>[clips, OutputFrames(frames), Width]</c>; rows from <see cref="ValidOutputFrames"/> on are zero.</param>
    /// <param name="team">The threads that share the work.</param>
    /// <param name="trace">Receives every block's output, or null.</param>
    /// <param name="adapters">What is added to the linear layers; null for nothing.</param>
    /// <exception cref="ArgumentException">An array is too short, a length out of range, or the adapters are another model's.</exception>
    public void Forward(
        float[] mel, int frames, int[] validFrames, float[] destination, WorkerTeam team, ITrace? trace = null, AdapterSet? adapters = null)
    {
        using Pass p = new(team, trace, adapters);
        foreach (int _ in Encode(mel, frames, validFrames, destination, p))
        {
        }
    }

    /// <summary>The same in parts, between which other work may be done, or the rest left out.</summary>
    /// <param name="mel"><c>[clips, frames, Bands]</c></param>
    /// <param name="frames">Mel frames of each clip, padding included; at least 1.</param>
    /// <param name="validFrames"><c>[clips]</c>: each clip's frames before the padding, 0 to <paramref name="frames"/>.</param>
    /// <param name="destination">
    /// Receives <c>[clips, OutputFrames(frames), Width]</c> with the last part; rows from <see cref="ValidOutputFrames"/> on are zero.
    /// </param>
    /// <param name="p">Threads, trace, adapters and scratch, in which the residual stream stays: no scope of it may end between two parts.</param>
    /// <returns>To be enumerated once; yields the number of parts done, after the sub-sampling and after every conformer block.</returns>
    /// <exception cref="ArgumentException">An array is too short, a length out of range, or the adapters are another model's.</exception>
    public IEnumerable<int> Encode(float[] mel, int frames, int[] validFrames, float[] destination, Pass p)
    {
        p.Adapters.RequireBase(_linears);
        Check(mel, frames, validFrames, destination);
        return Run(mel, frames, new AudioSteps(Steps(frames), [.. validFrames.Select(valid => ValidSteps(frames, valid))]), destination, p);
    }

    IEnumerable<int> Run(float[] mel, int frames, AudioSteps steps, float[] destination, Pass p)
    {
        if (steps.Clips == 0)
        {
            yield break;
        }

        _products?.Prepare(p.Team);

        // A block's most: the stream, its norm, 4 D hidden channels and their projection. At once, so that the arena is one piece from the beginning.
        p.Reserve(7L * steps.Rows * Width);
        Rows x = p.New(steps.Rows, Width);
        _subsampleConvProjection.Forward(mel, frames, steps, x, p);
        yield return 1;

        for (int i = 0; i < _conformer.Length; i++)
        {
            // After the last convolution over time only the steps that are kept need the rest of the block.
            bool last = i == _conformer.Length - 1;
            int every = last && !_conformer[i].NeedsEveryStep(p) ? _config.ConfReductionFactor : 1;
            x = _conformer[i].Forward(x, steps, every, p);
            if (last)
            {
                Finish(every == 1 ? steps.KeepEvery(_config.ConfReductionFactor, x) : x, steps.Every(_config.ConfReductionFactor), destination, p);
            }

            yield return i + 2;
        }
    }

    void Finish(Rows x, AudioSteps steps, float[] destination, Pass p)
    {
        using Pass.Scope _ = p.Enter(_path);
        steps.ClearPadding(x);
        p.TraceBatch("", steps.Clips, x);
        x.Span.CopyTo(destination);
    }

    // A step is padding when the frame it starts at is; steps beyond the last frame go by the last frame.
    int ValidSteps(int frames, int validFrames) =>
        validFrames >= frames ? Steps(frames) : CeilingDivide(validFrames, _subsampleConvProjection.TimeStride);

    static int CeilingDivide(int a, int b) => (a + b - 1) / b;

    void Check(float[] mel, int frames, int[] validFrames, float[] destination)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(frames, 1);
        foreach (int valid in validFrames)
        {
            if (valid < 0 || valid > frames)
            {
                throw new ArgumentException($"A clip has {valid} valid frames; clips of {frames} frames have 0 to {frames}.", nameof(validFrames));
            }
        }

        long needed = (long)validFrames.Length * frames * Bands;
        if (mel.Length < needed)
        {
            throw new ArgumentException(
                $"mel has {mel.Length} elements; {validFrames.Length} clips of {frames} frames of {Bands} bands need {needed}.", nameof(mel));
        }

        long widest = (long)validFrames.Length * Steps(frames) * Math.Max(4 * Width, _subsampleConvProjection.FlatLength);
        if (widest > Array.MaxLength)
        {
            throw new ArgumentException(
                $"{validFrames.Length} clips of {frames} frames need activations of {widest} elements, more than {Array.MaxLength}; encode fewer at once.",
                nameof(frames));
        }

        long rows = (long)validFrames.Length * OutputFrames(frames);
        if (destination.Length < rows * Width)
        {
            throw new ArgumentException(
                $"The destination has {destination.Length} elements; {rows} rows of {Width} need {rows * Width}.", nameof(destination));
        }
    }
}
