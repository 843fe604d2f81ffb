using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;

namespace GemmaSharp.Model.Text;

/// <summary>One decoder layer: AltUp around LAuReL, attention, feed-forward and the per-layer input.</summary>
/// <remarks>Source: <c>Gemma3nTextDecoderLayer</c> of transformers. Immutable, thread-safe.</remarks>
sealed class DecoderLayer(ParameterScope scope, TextConfig c, int layer, KvLayout layout)
{
    readonly string _path = scope.Path;
    readonly RmsNorm _inputLayernorm = scope.RmsNorm("input_layernorm", c.HiddenSize, c.RmsNormEps);
    readonly Attention _selfAttn = new(scope["self_attn"], c, layer, layout);
    readonly RmsNorm _postAttentionLayernorm = scope.RmsNorm("post_attention_layernorm", c.HiddenSize, c.RmsNormEps);
    readonly RmsNorm _preFeedforwardLayernorm = scope.RmsNorm("pre_feedforward_layernorm", c.HiddenSize, c.RmsNormEps);
    readonly FeedForward _mlp = new(scope["mlp"], c, layer);
    readonly RmsNorm _postFeedforwardLayernorm = scope.RmsNorm("post_feedforward_layernorm", c.HiddenSize, c.RmsNormEps);
    readonly AltUp _altup = new(scope["altup"], c);
    readonly Laurel _laurel = new(scope["laurel"], c);
    readonly Linear _perLayerInputGate = scope.Linear("per_layer_input_gate", c.HiddenSize, c.HiddenSizePerLayerInput);
    readonly Linear _perLayerProjection = scope.Linear("per_layer_projection", c.HiddenSizePerLayerInput, c.HiddenSize);
    readonly RmsNorm _postPerLayerInputNorm = scope.RmsNorm("post_per_layer_input_norm", c.HiddenSize, c.RmsNormEps);

    /// <summary>Whether a trace takes anything of this layer.</summary>
    public bool IsTraced(ITrace trace) =>
        trace.Wants(_path) || trace.Wants($"{_path}.laurel") || trace.Wants($"{_path}.self_attn") || trace.Wants($"{_path}.mlp");

    /// <summary>Replaces the streams <c>h [A, T, C]</c> by the layer's output.</summary>
    public void Forward(Streams h, TextPass p)
    {
        using Pass.Scope _ = p.Enter(_path);
        Streams predictions = _altup.Predict(h, p);
        Rows x = predictions[_altup.Active];
        Rows n = _inputLayernorm.Forward(x, p);
        Rows laurel = p.Trace(".laurel", _laurel.Forward(n, p));
        Rows attn = p.Trace(".self_attn", _selfAttn.Forward(n, p));
        Rows gated = p.Average(x, _postAttentionLayernorm.InPlace(attn, p), laurel);

        Rows ffw = p.Trace(".mlp", _mlp.Forward(_preFeedforwardLayernorm.Forward(gated, p), p));
        Rows activated = p.Add(gated, _postFeedforwardLayernorm.InPlace(ffw, p));
        _altup.Correct(predictions, activated, h, p);

        Rows gate = _perLayerInputGate.Forward(_altup.ScaleCorrectedOutput(h[_altup.Active], p), p);
        p.Map((gate, p, layer), static (s, t) => Gelu.TanhMultiply(s.gate[t], s.p.PerLayerInput(t, s.layer), s.gate[t]), gate.Count);
        Rows u = _postPerLayerInputNorm.InPlace(_perLayerProjection.Forward(gate, p), p);
        for (int i = 1; i < h.Count; i++)
        {
            p.AddTo(h[i], u);
        }

        p.Trace("", h);
    }
}
