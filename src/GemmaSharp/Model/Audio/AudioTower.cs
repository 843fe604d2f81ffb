using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Model.Audio;

/// <summary>The encoder of sound: log-mel frames in, one row of D channels for every 160 ms out.</summary>
/// <remarks>
/// <para>Sub-sampling by 4 in time, then conformer blocks, of whose result every 4th step is kept.</para>
/// <para>
/// Immutable and thread-safe after construction. A row depends only on the frames up to a little beyond its own
/// time; see <see cref="NewStream"/>. Source: transformers <c>Gemma3nAudioEncoder</c>.
/// </para>
/// </remarks>
sealed class AudioTower
{
    readonly string _path;
    readonly AudioConfig _config;
    readonly SubSampleConvProjection _subsampleConvProjection;
    readonly ConformerBlock[] _conformer;

    /// <summary>Asks for all parameters of the tower.</summary>
    /// <param name="scope">The place <c>audio_tower</c>.</param>
    /// <param name="config">The checkpoint's <c>audio_config</c>.</param>
    /// <exception cref="ConfigurationException">The configuration describes a sub-sampling that cannot be.</exception>
    public AudioTower(ParameterScope scope, AudioConfig config)
    {
        ArgumentNullException.ThrowIfNull(scope);
        Linears = scope.Linears;
        ArgumentNullException.ThrowIfNull(config);
        _path = scope.Path;
        _config = config;
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

    internal AudioConfig Config => _config;

    internal LinearModules Linears { get; }

    internal SubSampleConvProjection Subsampling => _subsampleConvProjection;

    internal IReadOnlyList<ConformerBlock> Conformer => _conformer;

    /// <summary>Output rows of a clip.</summary>
    /// <param name="melFrames">Its mel frames, padding included, 0 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="melFrames"/> is negative.</exception>
    public int OutputFrames(int melFrames)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(melFrames);
        return CeilingDivide(_subsampleConvProjection.Steps(melFrames), _config.ConfReductionFactor);
    }

    /// <summary>Output rows of a clip that are sound; the rest of <see cref="OutputFrames"/> is padding.</summary>
    /// <param name="melFrames">Its mel frames, padding included.</param>
    /// <param name="validFrames">Its mel frames before the padding, 0 to <paramref name="melFrames"/>.</param>
    public int ValidOutputFrames(int melFrames, int validFrames) =>
        CeilingDivide(ValidSteps(melFrames, validFrames), _config.ConfReductionFactor);

    /// <summary>Encodes one clip without padding.</summary>
    /// <param name="mel"><c>[frames, Bands]</c></param>
    /// <param name="frames">Mel frames, at least 1.</param>
    /// <param name="destination"><c>[OutputFrames(frames), Width]</c></param>
    /// <param name="team">The threads that share the work.</param>
    /// <param name="trace">Receives every block's output, or null.</param>
    /// <param name="adapters">What is added to the linear layers; null for nothing.</param>
    /// <exception cref="ArgumentException">A span is too short, or the adapters are another model's.</exception>
    public void Forward(ReadOnlySpan<float> mel, int frames, Span<float> destination, WorkerTeam team, ITrace? trace = null, AdapterSet? adapters = null) =>
        Forward(mel, frames, [frames], destination, team, trace, adapters);

    /// <summary>Encodes clips of the same length, padded where they are shorter.</summary>
    /// <param name="mel"><c>[clips, frames, Bands]</c></param>
    /// <param name="frames">Mel frames of each clip, padding included; at least 1.</param>
    /// <param name="validFrames"><c>[clips]</c>: each clip's frames before the padding, 0 to <paramref name="frames"/>.</param>
    /// <param name="destination"><c>[clips, OutputFrames(frames), Width]</c>; rows from <see cref="ValidOutputFrames"/> on are zero.</param>
    /// <param name="team">The threads that share the work.</param>
    /// <param name="trace">Receives every block's output, or null.</param>
    /// <param name="adapters">What is added to the linear layers; null for nothing.</param>
    /// <exception cref="ArgumentException">A span is too short, a length out of range, or the adapters are another model's.</exception>
    public void Forward(
        ReadOnlySpan<float> mel, int frames, ReadOnlySpan<int> validFrames, Span<float> destination, WorkerTeam team, ITrace? trace = null, AdapterSet? adapters = null)
    {
        adapters?.RequireBase(Linears);
        Check(mel, frames, validFrames, destination, team);
        int clips = validFrames.Length;
        int[] validSteps = new int[clips];
        for (int clip = 0; clip < clips; clip++)
        {
            validSteps[clip] = ValidSteps(frames, validFrames[clip]);
        }

        AudioSteps steps = new(0, _subsampleConvProjection.Steps(frames), validSteps);
        using AudioWorkspace workspace = new(steps.Rows, Width, _subsampleConvProjection.FlatLength, adapters);
        Subsample(mel, frames, steps, workspace, team, trace);
        Encode(steps, workspace, [], team, trace);

        int outputs = OutputFrames(frames);
        destination = destination[..(clips * outputs * Width)];
        workspace.X(clips * outputs).CopyTo(destination);
        for (int clip = 0; clip < clips; clip++)
        {
            int valid = CeilingDivide(validSteps[clip], _config.ConfReductionFactor);
            destination.Slice((clip * outputs + valid) * Width, (outputs - valid) * Width).Clear();
        }

        if (trace is not null && trace.Wants(_path))
        {
            trace.Record(_path, [clips, outputs, Width], 0, destination);
        }
    }

    /// <summary>Encodes a clip of unknown length while it comes in.</summary>
    /// <param name="adapters">What is added to the linear layers; null for nothing.</param>
    /// <returns>The stream, to be disposed; it uses this tower's weights.</returns>
    /// <exception cref="ArgumentException">The adapters are another model's.</exception>
    /// <exception cref="NotSupportedException">The configuration lets attention look ahead.</exception>
    public StreamingAudio NewStream(AdapterSet? adapters = null) => _config.ConfAttentionContextRight == 0
        ? new(this, adapters)
        : throw new NotSupportedException(
            $"conf_attention_context_right is {_config.ConfAttentionContextRight}, and a stream needs 0; encode the whole clip with Forward.");

    /// <summary>The conformer and the reduction, on the rows in the workspace.</summary>
    /// <param name="steps">Which steps they are.</param>
    /// <param name="workspace">Its X is read; afterwards it holds the kept steps, <c>[Clips, steps.Kept, D]</c>.</param>
    /// <param name="states">A stream's memory of every block; empty for whole clips.</param>
    /// <param name="team">The threads that share the work.</param>
    /// <param name="trace">Receives every block's output, or null.</param>
    internal void Encode(
        AudioSteps steps, AudioWorkspace workspace, ReadOnlySpan<ConformerState> states, WorkerTeam team, ITrace? trace)
    {
        int reduction = _config.ConfReductionFactor;
        for (int i = 0; i < _conformer.Length; i++)
        {
            // After the last convolution over time only the steps that are kept need the rest of the block.
            bool reduce = i == _conformer.Length - 1 && !_conformer[i].NeedsEveryStep(trace);
            _conformer[i].Forward(steps, reduce ? reduction : 1, workspace, states.IsEmpty ? null : states[i], team, trace);
            if (i == _conformer.Length - 1 && !reduce)
            {
                steps.Keep(reduction, Width, workspace.X(steps.Rows));
            }
        }
    }

    void Subsample(
        ReadOnlySpan<float> mel, int frames, AudioSteps steps, AudioWorkspace workspace, WorkerTeam team, ITrace? trace)
    {
        int flatLength = _subsampleConvProjection.FlatLength;
        using SubSampleState state = _subsampleConvProjection.NewState(steps.Clips, frames, trace);
        Span<float> flat = workspace.Wide(steps.Rows * flatLength);
        for (int clip = 0; clip < steps.Clips; clip++)
        {
            state.Reset();
            _subsampleConvProjection.Subsample(
                mel.Slice(clip * frames * Bands, frames * Bands), last: true, state, flat[(clip * steps.Count * flatLength)..], team);
        }

        _subsampleConvProjection.Project(flat, steps.Rows, workspace.X(steps.Rows), team, workspace.Adapters);
        if (trace is not null)
        {
            _subsampleConvProjection.Record(trace, steps.Clips, state, workspace.X(steps.Rows));
        }
    }

    // A step is padding when the frame it starts at is; steps beyond the last frame go by the last frame.
    int ValidSteps(int frames, int validFrames) => validFrames >= frames
        ? _subsampleConvProjection.Steps(frames)
        : CeilingDivide(validFrames, _subsampleConvProjection.TimeStride);

    static int CeilingDivide(int a, int b) => (a + b - 1) / b;

    void Check(ReadOnlySpan<float> mel, int frames, ReadOnlySpan<int> validFrames, Span<float> destination, WorkerTeam team)
    {
        ArgumentNullException.ThrowIfNull(team);
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

        long widest = (long)validFrames.Length * _subsampleConvProjection.Steps(frames)
            * Math.Max(4 * Width, _subsampleConvProjection.FlatLength);
        if (widest > Array.MaxLength)
        {
            throw new ArgumentException(
                $"{validFrames.Length} clips of {frames} frames need activations of {widest} elements, more than {Array.MaxLength}; encode fewer at once, or stream.",
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
