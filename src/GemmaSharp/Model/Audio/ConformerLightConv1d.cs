using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;

namespace GemmaSharp.Model.Audio;

/// <summary><c>x + linear_end · silu(RMS(clip(conv(glu(linear_start · RMS(x))))))</c> with a causal depthwise convolution over time.</summary>
/// <remarks>Immutable, thread-safe. Source: transformers <c>Gemma3nAudioConformerLightConv1d</c>.</remarks>
sealed class ConformerLightConv1d(ParameterScope scope, AudioConfig config)
{
    readonly int _kernel = config.ConfConvKernelSize;

    // The one norm of the conformer without a clip before it.
    readonly RmsNorm _preLayerNorm = scope.RmsNorm("pre_layer_norm", config.HiddenSize, config.RmsNormEps);
    readonly Linear _linearStart = scope.Linear("linear_start", config.HiddenSize, 2 * config.HiddenSize);
    readonly float[] _depthwiseConv1d = scope.DepthwiseConvolution1d("depthwise_conv1d", config.HiddenSize, config.ConfConvKernelSize);
    readonly RmsNorm _convNorm = scope.RmsNorm("conv_norm", config.HiddenSize, config.RmsNormEps, config.GradientClipping);
    readonly Linear _linearEnd = scope.Linear("linear_end", config.HiddenSize, config.HiddenSize);

    /// <summary>Adds the branch to the residual stream and drops the steps that nothing after it reads.</summary>
    /// <param name="x"><c>[steps.Rows, D]</c>, changed in place.</param>
    /// <param name="steps">Which steps its rows are.</param>
    /// <param name="every">Of each clip the steps 0, n, 2n … remain; 1 for all.</param>
    /// <param name="p">The pass.</param>
    /// <returns><c>[steps.Every(n).Rows, D]</c>, the beginning of x.</returns>
    public Rows Forward(Rows x, AudioSteps steps, int every, Pass p)
    {
        using Pass.Scope _ = p.Enter();
        Rows gated = Gate(_linearStart.Forward(_preLayerNorm.Forward(x, p), p), p);
        Rows c = _convNorm.InPlace(Convolve(gated, steps, every, p), p);
        p.Map(c, static (c, t) => Silu.Apply(c[t], c[t]), c.Count);
        x = steps.KeepEvery(every, x);
        p.AddTo(x, _linearEnd.Forward(c, p));
        return x;
    }

    /// <summary><c>glu(y) = y[..D] ⊙ sigmoid(y[D..])</c>, <c>[T, 2 D]</c> to <c>[T, D]</c>.</summary>
    static Rows Gate(Rows y, Pass p) => p.Map((y, gated: p.New(y.Count, y.Width / 2)), static (s, t) => Glu.Apply(s.y[t], s.gated[t]), y.Count).gated;

    /// <summary><c>c[t] = Σ_j w[j] ⊙ g[t − kernel + 1 + j]</c> of each step that is kept.</summary>
    Rows Convolve(Rows g, AudioSteps steps, int every, Pass p)
    {
        Rows c = p.New(steps.Every(every).Rows, g.Width);
        p.ForEach((this, g, c, steps, every), c.Count, 4, static (s, first, last) =>
        {
            for (int i = first; i < last; i++)
            {
                int row = s.steps.RowOf(s.every, i);
                s.Item1.Convolve(s.g, row, Math.Min(row % s.steps.Count, s.Item1._kernel - 1), s.c[i]);
            }
        });
        return c;
    }

    /// <summary>The same for one row, which has <paramref name="past"/> rows of its clip before it, as far as the kernel reaches.</summary>
    void Convolve(Rows g, int row, int past, Span<float> c)
    {
        c.Clear();
        for (int back = past; back >= 0; back--)
        {
            MultiplyAccumulate.Apply(_depthwiseConv1d.AsSpan((_kernel - 1 - back) * c.Length, c.Length), g[row - back], c);
        }
    }
}
