using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Model.Audio;

/// <summary>One conformer block: half a feed-forward step, attention, light convolution, half a feed-forward step, norm.</summary>
/// <remarks>Immutable and thread-safe. Source: transformers <c>Gemma3nAudioConformerBlock</c>.</remarks>
sealed class ConformerBlock(ParameterScope scope, AudioConfig config)
{
    readonly string _path = scope.Path;
    readonly int _width = config.HiddenSize;
    readonly ConformerFeedForward _ffwLayerStart = new(scope["ffw_layer_start"], config);
    readonly ConformerAttention _attention = new(scope["attention"], config);
    readonly ConformerLightConv1d _lconv1d = new(scope["lconv1d"], config);
    readonly ConformerFeedForward _ffwLayerEnd = new(scope["ffw_layer_end"], config);

    readonly ClippedRmsNorm _norm =
        new(scope.Vector("norm.weight", config.HiddenSize), config.RmsNormEps, config.GradientClipping);

    /// <summary>Whether <paramref name="trace"/> takes a result of which <see cref="Forward"/> may drop steps.</summary>
    public bool NeedsEveryStep(ITrace? trace) => trace is not null
        && (trace.Wants(_path) || trace.Wants($"{_path}.lconv1d") || trace.Wants($"{_path}.ffw_layer_end") || trace.Wants($"{_path}.norm"));

    /// <summary>Runs the block on the residual stream.</summary>
    /// <param name="steps">Which steps the rows of <see cref="AudioWorkspace.X"/> are.</param>
    /// <param name="keepEvery">Steps whose number is a multiple of this remain; 1 for all.</param>
    /// <param name="workspace">X is read and written; afterwards <c>[Clips, steps.Kept, D]</c>.</param>
    /// <param name="state">The stream's memory; null for whole clips.</param>
    /// <param name="team">The threads that share the work.</param>
    /// <param name="trace">Receives each part's output, or null.</param>
    public void Forward(
        AudioSteps steps, int keepEvery, AudioWorkspace workspace, ConformerState? state, WorkerTeam team, ITrace? trace)
    {
        int clips = steps.Clips;
        Span<float> x = workspace.X(steps.Rows);

        _ffwLayerStart.Forward(steps.Rows, workspace, team);
        Record(trace, ".ffw_layer_start", clips, x);

        _attention.Forward(steps, workspace, state, team);
        Record(trace, ".attention", clips, x);

        ClearPadding(steps, x);
        _lconv1d.Forward(steps, keepEvery, workspace, state, team);
        x = workspace.X(clips * steps.Kept(keepEvery));
        Record(trace, ".lconv1d", clips, x);

        _ffwLayerEnd.Forward(clips * steps.Kept(keepEvery), workspace, team);
        Record(trace, ".ffw_layer_end", clips, x);

        _norm.Apply(x, x, team);
        Record(trace, ".norm", clips, x);
        Record(trace, "", clips, x);
    }

    void ClearPadding(AudioSteps steps, Span<float> x)
    {
        for (int clip = 0; clip < steps.Clips; clip++)
        {
            int valid = steps.ValidRows(clip);
            x.Slice((clip * steps.Count + valid) * _width, (steps.Count - valid) * _width).Clear();
        }
    }

    void Record(ITrace? trace, string part, int clips, ReadOnlySpan<float> x)
    {
        if (trace is not null && trace.Wants(_path + part))
        {
            trace.Record(_path + part, [clips, x.Length / (clips * _width), _width], 0, x);
        }
    }
}
