using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;

namespace GemmaSharp.Model.Text;

/// <summary>The gated feed-forward block: <c>down_proj · (gelu_tanh(S(gate_proj · x)) ⊙ up_proj · x)</c>.</summary>
/// <remarks>
/// <c>S</c> is the identity, or in layers with activation sparsity <c>p</c> the Gaussian top-k
/// <c>max(0, v − (μ + σ·Φ⁻¹(p)))</c> over the layer's own width. Source: <c>Gemma3nTextMLP</c> of transformers. Immutable, thread-safe.
/// </remarks>
sealed class FeedForward(ParameterScope scope, TextConfig c, int layer)
{
    readonly Linear _gateProj = scope.Linear("gate_proj", c.HiddenSize, c.IntermediateSize[layer]);
    readonly Linear _upProj = scope.Linear("up_proj", c.HiddenSize, c.IntermediateSize[layer]);
    readonly Linear _downProj = scope.Linear("down_proj", c.IntermediateSize[layer], c.HiddenSize);
    readonly float? _cutoffDeviations =
        c.ActivationSparsityPattern[layer] is > 0 and double sparsity ? (float)NormalDistribution.Quantile(sparsity) : null;

    /// <summary>Computes the block.</summary>
    /// <param name="x">Normed input, <c>[T, C]</c>.</param>
    /// <param name="p">The pass.</param>
    /// <returns><c>[T, C]</c></returns>
    public Rows Forward(Rows x, Pass p)
    {
        Rows gate = _gateProj.Forward(x, p), up = _upProj.Forward(x, p);
        p.Map((gate, up, _cutoffDeviations), static (s, t) =>
        {
            if (s._cutoffDeviations is float z)
            {
                GaussianTopK.Apply(s.gate[t], z, s.gate[t]);
            }

            Gelu.TanhMultiply(s.gate[t], s.up[t], s.gate[t]);
        }, x.Count);
        return _downProj.Forward(gate, p);
    }
}
