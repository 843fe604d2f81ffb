using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Model.Text;

/// <summary>The gated feed-forward block: <c>down_proj · (gelu_tanh(S(gate_proj · x)) ⊙ up_proj · x)</c>.</summary>
/// <remarks>
/// <c>S</c> is the identity, or in layers with activation sparsity <c>p</c> the Gaussian top-k
/// <c>max(0, v − (μ + σ·Φ⁻¹(p)))</c> over the layer's own width. Source: <c>Gemma3nTextMLP</c> of transformers. Immutable, thread-safe.
/// </remarks>
sealed class FeedForward
{
    readonly Linear _gateProj;
    readonly Linear _upProj;
    readonly Linear _downProj;
    readonly int _intermediateSize;
    readonly float? _cutoffDeviations;

    public FeedForward(ParameterScope scope, TextConfig config, int layer)
    {
        _intermediateSize = config.IntermediateSize[layer];
        _gateProj = scope.Linear("gate_proj", config.HiddenSize, _intermediateSize);
        _upProj = scope.Linear("up_proj", config.HiddenSize, _intermediateSize);
        _downProj = scope.Linear("down_proj", _intermediateSize, config.HiddenSize);
        double sparsity = config.ActivationSparsityPattern[layer];
        _cutoffDeviations = sparsity > 0 ? (float)NormalDistribution.Quantile(sparsity) : null;
    }

    /// <summary>Computes the block for all rows of the step.</summary>
    /// <param name="x">Normed input, <c>[T, C]</c>.</param>
    /// <param name="workspace">Supplies scratch and threads.</param>
    /// <param name="destination">Receives <c>[T, C]</c>.</param>
    public void Forward(ReadOnlySpan<float> x, TextWorkspace workspace, Span<float> destination)
    {
        int rows = workspace.Rows;
        Span<float> gate = workspace.Gate(_intermediateSize);
        Span<float> up = workspace.Up(_intermediateSize);
        _gateProj.Forward(x, workspace, gate);
        _upProj.Forward(x, workspace, up);
        var job = new GateJob(gate, up, _intermediateSize, _cutoffDeviations);
        workspace.Team.Run(ref job, rows, TextWorkspace.RowGrain);
        _downProj.Forward(gate, workspace, destination);
    }

    /// <summary><c>gate ← gelu_tanh(S(gate)) ⊙ up</c>, row by row.</summary>
    readonly ref struct GateJob(Span<float> gate, ReadOnlySpan<float> up, int width, float? cutoffDeviations) : IParallelJob
    {
        readonly Span<float> _gate = gate;
        readonly ReadOnlySpan<float> _up = up;

        public void Run(int first, int last)
        {
            for (int t = first; t < last; t++)
            {
                Span<float> row = _gate.Slice(t * width, width);
                if (cutoffDeviations is float z)
                {
                    GaussianTopK.Apply(row, z, row);
                }

                Gelu.TanhMultiply(row, _up.Slice(t * width, width), row);
            }
        }
    }
}
