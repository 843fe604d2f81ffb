using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Model.Audio;

/// <summary><c>x + linear_end · silu(RMS(clip(conv(glu(linear_start · RMS(x))))))</c> with a causal depthwise convolution over time.</summary>
/// <remarks>Immutable and thread-safe. Source: transformers <c>Gemma3nAudioConformerLightConv1d</c>.</remarks>
sealed class ConformerLightConv1d(ParameterScope scope, AudioConfig config)
{
    readonly int _width = config.HiddenSize;
    readonly int _kernel = config.ConfConvKernelSize;

    // The one norm of the conformer without a clip before it.
    readonly ClippedRmsNorm _preLayerNorm =
        new(scope.Vector("pre_layer_norm.weight", config.HiddenSize), config.RmsNormEps, float.PositiveInfinity);

    readonly Linear _linearStart = scope.Linear("linear_start", config.HiddenSize, 2 * config.HiddenSize);
    readonly float[] _depthwiseConv1d = scope.DepthwiseConvolution1d("depthwise_conv1d", config.HiddenSize, config.ConfConvKernelSize);

    readonly ClippedRmsNorm _convNorm =
        new(scope.Vector("conv_norm.weight", config.HiddenSize), config.RmsNormEps, config.GradientClipping);

    readonly Linear _linearEnd = scope.Linear("linear_end", config.HiddenSize, config.HiddenSize);

    /// <summary>Adds the branch to the residual stream and drops the steps that nothing after it reads.</summary>
    /// <param name="steps">Which steps the rows of <see cref="AudioWorkspace.X"/> are.</param>
    /// <param name="keepEvery">Steps whose number is a multiple of this remain, side by side: <c>[Clips, steps.Kept, D]</c>.</param>
    /// <param name="workspace">X is read and written.</param>
    /// <param name="state">The stream's memory; null for whole clips.</param>
    /// <param name="team">The threads that share the work.</param>
    public void Forward(AudioSteps steps, int keepEvery, AudioWorkspace workspace, ConformerState? state, WorkerTeam team)
    {
        Span<float> x = workspace.X(steps.Rows);
        Span<float> h = workspace.H(steps.Rows);
        Span<float> wide = workspace.Wide(3 * x.Length);
        Span<float> gates = wide[..(2 * x.Length)];

        _preLayerNorm.Apply(x, h, team);
        _linearStart.Forward(h, steps.Rows, gates, team, workspace.Adapters);
        GluJob glu = new(gates, _width);
        team.Run(ref glu, steps.Rows, grain: 8);

        int rows = steps.Clips * steps.Kept(keepEvery);
        ConvolutionJob convolution = new(this, steps, keepEvery, gates, state, h);
        team.Run(ref convolution, rows, grain: 4);
        state?.KeepGates(gates);

        Span<float> branch = wide.Slice(2 * x.Length, rows * _width);
        _linearEnd.Forward(h, rows, branch, team, workspace.Adapters);
        x = steps.Keep(keepEvery, _width, x);
        VectorMath.Add(x, branch, x);
    }

    /// <summary><c>x[..D] · sigmoid(x[D..])</c> in the first half of each row.</summary>
    readonly ref struct GluJob(Span<float> gates, int width) : IParallelJob
    {
        readonly Span<float> _gates = gates;

        public void Run(int first, int last)
        {
            for (int row = first; row < last; row++)
            {
                Span<float> pair = _gates.Slice(2 * row * width, 2 * width);
                Glu.Apply(pair, pair[..width]);
            }
        }
    }

    /// <summary><c>silu(RMS(clip(Σ_j w[j] ⊙ g[t − kernel + 1 + j])))</c> for each kept step.</summary>
    readonly ref struct ConvolutionJob(
        ConformerLightConv1d owner, AudioSteps steps, int keepEvery, ReadOnlySpan<float> gates, ConformerState? state, Span<float> destination)
        : IParallelJob
    {
        readonly AudioSteps _steps = steps;
        readonly ReadOnlySpan<float> _gates = gates;
        readonly Span<float> _destination = destination;

        public void Run(int first, int last)
        {
            int width = owner._width;
            for (int i = first; i < last; i++)
            {
                Span<float> c = _destination.Slice(i * width, width);
                Convolve(_steps.KeptRow(keepEvery, i), c);
                owner._convNorm.Apply(c, c);
                Silu.Apply(c, c);
            }
        }

        void Convolve(int row, Span<float> c)
        {
            int width = owner._width;
            int past = owner._kernel - 1;
            int local = row % _steps.Count;
            c.Clear();
            for (int tap = 0; tap < owner._kernel; tap++)
            {
                int back = past - tap;
                ReadOnlySpan<float> weight = owner._depthwiseConv1d.AsSpan(tap * width, width);
                if (back <= local)
                {
                    MultiplyAccumulate.Apply(weight, _gates.Slice(2 * (row - back) * width, width), c);
                }
                else if (state is not null)
                {
                    MultiplyAccumulate.Apply(weight, state.Gates.Slice((past + local - back) * width, width), c);
                }
            }
        }
    }
}
