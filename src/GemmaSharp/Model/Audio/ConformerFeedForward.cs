using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Model.Audio;

/// <summary><c>x + ½ RMS(clip(W2 · silu(W1 · RMS(clip(x)))))</c>: half a feed-forward step, at either end of a conformer block.</summary>
/// <remarks>Immutable and thread-safe. Source: transformers <c>Gemma3nAudioConformerFeedForward</c>.</remarks>
sealed class ConformerFeedForward(ParameterScope scope, AudioConfig config)
{
    // About the work that outweighs waking a second thread.
    const int ChunkElements = 4096;

    readonly float _residualWeight = config.ConfResidualWeight;

    readonly ClippedRmsNorm _preLayerNorm =
        new(scope.Vector("pre_layer_norm.weight", config.HiddenSize), config.RmsNormEps, config.GradientClipping);

    readonly Linear _ffwLayer1 = scope.Linear("ffw_layer_1", config.HiddenSize, 4 * config.HiddenSize);
    readonly Linear _ffwLayer2 = scope.Linear("ffw_layer_2", 4 * config.HiddenSize, config.HiddenSize);

    readonly ClippedRmsNorm _postLayerNorm =
        new(scope.Vector("post_layer_norm.weight", config.HiddenSize), config.RmsNormEps, config.GradientClipping);

    /// <summary>Adds the branch to the residual stream.</summary>
    /// <param name="rows">Rows of <see cref="AudioWorkspace.X"/>.</param>
    /// <param name="workspace">X is read and written.</param>
    /// <param name="team">The threads that share the work.</param>
    public void Forward(int rows, AudioWorkspace workspace, WorkerTeam team)
    {
        Span<float> x = workspace.X(rows);
        Span<float> h = workspace.H(rows);
        Span<float> hidden = workspace.Wide(rows * _ffwLayer1.OutFeatures);

        _preLayerNorm.Apply(x, h, team);
        _ffwLayer1.Forward(h, rows, hidden, team, workspace.Adapters);
        SiluJob silu = new(hidden);
        team.Run(ref silu, (hidden.Length + ChunkElements - 1) / ChunkElements);
        _ffwLayer2.Forward(hidden, rows, h, team, workspace.Adapters);
        _postLayerNorm.AddTo(h, _residualWeight, x, team);
    }

    readonly ref struct SiluJob(Span<float> x) : IParallelJob
    {
        readonly Span<float> _x = x;

        public void Run(int first, int last)
        {
            Span<float> part = _x[(first * ChunkElements)..Math.Min(last * ChunkElements, _x.Length)];
            Silu.Apply(part, part);
        }
    }
}
