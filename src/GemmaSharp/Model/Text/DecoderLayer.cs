using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Model.Text;

/// <summary>One decoder layer: AltUp around LAuReL, attention, feed-forward and the per-layer input.</summary>
/// <remarks>Source: <c>Gemma3nTextDecoderLayer</c> of transformers. Immutable, thread-safe.</remarks>
sealed class DecoderLayer
{
    readonly TextConfig _config;
    readonly int _layer;
    readonly string _name;
    readonly float _eps;
    readonly AltUp _altUp;
    readonly Laurel _laurel;
    readonly Attention _attention;
    readonly FeedForward _mlp;
    readonly float[] _inputLayernorm;
    readonly float[] _postAttentionLayernorm;
    readonly float[] _preFeedforwardLayernorm;
    readonly float[] _postFeedforwardLayernorm;
    readonly float[] _postPerLayerInputNorm;
    readonly Linear _perLayerInputGate;
    readonly Linear _perLayerProjection;

    public DecoderLayer(ParameterScope scope, TextConfig config, int layer, KvLayout layout)
    {
        _config = config;
        _layer = layer;
        _name = scope.Path;
        _eps = config.RmsNormEps;
        int hidden = config.HiddenSize;
        _inputLayernorm = scope.Vector("input_layernorm.weight", hidden);
        _attention = new Attention(scope["self_attn"], config, layer, layout);
        _postAttentionLayernorm = scope.Vector("post_attention_layernorm.weight", hidden);
        _preFeedforwardLayernorm = scope.Vector("pre_feedforward_layernorm.weight", hidden);
        _mlp = new FeedForward(scope["mlp"], config, layer);
        _postFeedforwardLayernorm = scope.Vector("post_feedforward_layernorm.weight", hidden);
        _altUp = new AltUp(scope["altup"], config);
        _laurel = new Laurel(scope["laurel"], config);
        _perLayerInputGate = scope.Linear("per_layer_input_gate", hidden, config.HiddenSizePerLayerInput);
        _perLayerProjection = scope.Linear("per_layer_projection", config.HiddenSizePerLayerInput, hidden);
        _postPerLayerInputNorm = scope.Vector("post_per_layer_input_norm.weight", hidden);
    }

    /// <summary>Replaces <see cref="TextWorkspace.Streams"/> by the layer's output.</summary>
    public void Forward(TextWorkspace workspace, ITrace? trace)
    {
        int rows = workspace.Rows, hidden = _config.HiddenSize, streams = _config.AltupNumInputs;
        Span<float> predictions = workspace.Predictions, corrected = workspace.Streams;
        Span<float> normed = workspace.Normed, laurel = workspace.LaurelOut, t = workspace.X, activated = workspace.Y;
        WorkerTeam team = workspace.Team;

        _altUp.Predict(workspace.Streams, workspace, predictions);
        ReadOnlySpan<float> x = Stream(predictions, _config.AltupActiveIdx);

        RmsNorm.Rows(x, _inputLayernorm, _eps, normed, team);
        _laurel.Forward(normed, workspace, laurel);
        trace.Capture(_name, ".laurel", [1, rows, hidden], laurel);

        _attention.Forward(normed, workspace, t);
        trace.Capture(_name, ".self_attn", [1, rows, hidden], t);
        RmsNorm.Rows(t, _postAttentionLayernorm, _eps, t, team);
        Rowwise.AverageResiduals(x, t, laurel, activated, workspace);

        RmsNorm.Rows(activated, _preFeedforwardLayernorm, _eps, normed, team);
        _mlp.Forward(normed, workspace, t);
        trace.Capture(_name, ".mlp", [1, rows, hidden], t);
        RmsNorm.Rows(t, _postFeedforwardLayernorm, _eps, t, team);
        Rowwise.Add(activated, t, activated, workspace);

        _altUp.Correct(predictions, activated, workspace, corrected);
        AddPerLayerInput(Stream(corrected, _config.AltupActiveIdx), workspace);
        trace.Capture(_name, "", [streams, 1, rows, hidden], corrected);

        Span<float> Stream(Span<float> all, int index) => all.Slice(index * rows * hidden, rows * hidden);
    }

    /// <summary><c>corr_i += RMSNorm(per_layer_projection · (gelu_tanh(per_layer_input_gate · (corr_a ⊙ scale)) ⊙ u_l))</c> for every stream but the first.</summary>
    void AddPerLayerInput(ReadOnlySpan<float> active, TextWorkspace workspace)
    {
        int rows = workspace.Rows;
        Span<float> q = workspace.X, gate = workspace.PerLayerGate;
        if (_config.AltupCorrectScale)
        {
            Rowwise.Scale(active, _altUp.CorrectOutputScale, q, workspace);
        }
        else
        {
            active.CopyTo(q);
        }

        _perLayerInputGate.Forward(q, workspace, gate);
        var job = new GateJob(gate, workspace.PerLayerInputs, _layer, _config.NumHiddenLayers, _config.HiddenSizePerLayerInput);
        workspace.Team.Run(ref job, rows, TextWorkspace.RowGrain);
        _perLayerProjection.Forward(gate, workspace, q);
        RmsNorm.Rows(q, _postPerLayerInputNorm, _eps, q, workspace.Team);
        for (int i = 1; i < _config.AltupNumInputs; i++)
        {
            Span<float> stream = workspace.Streams.Slice(i * q.Length, q.Length);
            Rowwise.Add(stream, q, stream, workspace);
        }
    }

    readonly ref struct GateJob(Span<float> gate, ReadOnlySpan<float> perLayerInputs, int layer, int layers, int width) : IParallelJob
    {
        readonly Span<float> _gate = gate;
        readonly ReadOnlySpan<float> _perLayerInputs = perLayerInputs;

        public void Run(int first, int last)
        {
            for (int t = first; t < last; t++)
            {
                Span<float> row = _gate.Slice(t * width, width);
                Gelu.TanhMultiply(row, _perLayerInputs.Slice(((t * layers) + layer) * width, width), row);
            }
        }
    }
}
