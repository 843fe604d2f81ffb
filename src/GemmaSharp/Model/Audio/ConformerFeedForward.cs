using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;

namespace GemmaSharp.Model.Audio;

/// <summary><c>x + ½ RMS(clip(W2 · silu(W1 · RMS(clip(x)))))</c>: half a feed-forward step, at either end of a conformer block.</summary>
/// <remarks>Immutable, thread-safe. Source: transformers <c>Gemma3nAudioConformerFeedForward</c>.</remarks>
sealed class ConformerFeedForward(ParameterScope scope, AudioConfig config)
{
    readonly RmsNorm _preLayerNorm = scope.RmsNorm("pre_layer_norm", config.HiddenSize, config.RmsNormEps, config.GradientClipping);
    readonly Linear _ffwLayer1 = scope.Linear("ffw_layer_1", config.HiddenSize, 4 * config.HiddenSize);
    readonly Linear _ffwLayer2 = scope.Linear("ffw_layer_2", 4 * config.HiddenSize, config.HiddenSize);
    readonly RmsNorm _postLayerNorm = scope.RmsNorm("post_layer_norm", config.HiddenSize, config.RmsNormEps, config.GradientClipping);
    readonly float _residualWeight = config.ConfResidualWeight;

    /// <summary>Adds the branch to the residual stream.</summary>
    /// <param name="x"><c>[T, D]</c>, changed in place.</param>
    /// <param name="p">The pass.</param>
    /// <returns>x</returns>
    public Rows Forward(Rows x, Pass p)
    {
        using Pass.Scope _ = p.Enter();
        Rows hidden = _ffwLayer1.Forward(_preLayerNorm.Forward(x, p), p);
        p.Map(hidden, static (h, t) => Silu.Apply(h[t], h[t]), hidden.Count);
        _postLayerNorm.AddTo(x, _ffwLayer2.Forward(hidden, p), _residualWeight, p);
        return x;
    }
}
