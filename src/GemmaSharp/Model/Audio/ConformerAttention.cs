using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Model.Audio;

/// <summary><c>x + RMS(clip(post · attn(RMS(clip(x)))))</c></summary>
/// <remarks>Immutable and thread-safe. Source: transformers <c>Gemma3nAudioConformerAttention</c>.</remarks>
sealed class ConformerAttention(ParameterScope scope, AudioConfig config)
{
    readonly ClippedRmsNorm _preAttnNorm =
        new(scope.Vector("pre_attn_norm.weight", config.HiddenSize), config.RmsNormEps, config.GradientClipping);

    readonly ConformerDotProductAttention _attn = new(scope["attn"], config);
    readonly Linear _post = scope.Linear("post", config.HiddenSize, config.HiddenSize);

    readonly ClippedRmsNorm _postNorm =
        new(scope.Vector("post_norm.weight", config.HiddenSize), config.RmsNormEps, config.GradientClipping);

    /// <summary>Adds the branch to the residual stream.</summary>
    /// <param name="steps">Which steps the rows of <see cref="AudioWorkspace.X"/> are.</param>
    /// <param name="workspace">X is read and written.</param>
    /// <param name="state">The stream's memory; null for whole clips.</param>
    /// <param name="team">The threads that share the work.</param>
    public void Forward(AudioSteps steps, AudioWorkspace workspace, ConformerState? state, WorkerTeam team)
    {
        Span<float> x = workspace.X(steps.Rows);
        Span<float> h = workspace.H(steps.Rows);

        _preAttnNorm.Apply(x, h, team);
        ReadOnlySpan<float> context = _attn.Forward(h, steps, workspace, state, team);
        _post.Forward(context, steps.Rows, h, team, workspace.Adapters);
        _postNorm.AddTo(h, 1, x, team);
    }
}
