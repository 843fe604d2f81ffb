using GemmaSharp.Configuration;
using GemmaSharp.Layers;

namespace GemmaSharp.Model.Audio;

/// <summary><c>x + RMS(clip(post · attn(RMS(clip(x)))))</c></summary>
/// <remarks>Immutable, thread-safe. Source: transformers <c>Gemma3nAudioConformerAttention</c>.</remarks>
sealed class ConformerAttention(ParameterScope scope, AudioConfig config)
{
    readonly RmsNorm _preAttnNorm = scope.RmsNorm("pre_attn_norm", config.HiddenSize, config.RmsNormEps, config.GradientClipping);
    readonly ConformerDotProductAttention _attn = new(scope["attn"], config);
    readonly Linear _post = scope.Linear("post", config.HiddenSize, config.HiddenSize);
    readonly RmsNorm _postNorm = scope.RmsNorm("post_norm", config.HiddenSize, config.RmsNormEps, config.GradientClipping);

    /// <summary>Adds the branch to the residual stream.</summary>
    /// <param name="x"><c>[steps.Rows, D]</c>, changed in place.</param>
    /// <param name="steps">Which steps its rows are.</param>
    /// <param name="p">The pass.</param>
    /// <returns>x</returns>
    public Rows Forward(Rows x, AudioSteps steps, Pass p)
    {
        using Pass.Scope _ = p.Enter();
        Rows context = _attn.Forward(_preAttnNorm.Forward(x, p), steps, p);
        _postNorm.AddTo(x, _post.Forward(context, p), 1, p);
        return x;
    }
}
