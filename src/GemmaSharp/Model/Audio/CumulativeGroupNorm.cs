using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Model.Audio;

/// <summary>
/// Normalises each time step by the statistics of itself and all earlier steps:
/// <c>y[t] = (z[t] − μ_t) / √(var_t + ε) ⊙ weight</c>.
/// </summary>
/// <remarks>
/// <para>
/// <c>μ_t</c> is the mean over all channels and frequencies up to t. <c>var_t</c> is the mean of <c>(z[s] − μ_s)²</c> up to t:
/// every earlier step keeps the deviation from its own running mean, so it is not the ordinary variance.
/// </para>
/// <para>
/// A step is summed in float32 lanes; the running sums, of up to twelve million values, are float64.
/// Immutable and thread-safe. Source: transformers <c>Gemma3nAudioCumulativeGroupNorm</c>.
/// </para>
/// </remarks>
/// <param name="weight"><c>[channels]</c></param>
/// <param name="frequencies">Frequencies of a step.</param>
/// <param name="channels">Channels of a frequency.</param>
/// <param name="eps">ε</param>
sealed class CumulativeGroupNorm(float[] weight, int frequencies, int channels, float eps)
{
    readonly int _size = frequencies * channels;
    float[]? _weights;

    // The weights repeated for each frequency, so that a step is one product.
    ReadOnlySpan<float> Weights => _weights ??= [.. Enumerable.Repeat(weight, frequencies).SelectMany(w => w)];

    /// <summary>Normalises the next steps of a clip.</summary>
    /// <param name="z"><c>[steps, frequencies, channels]</c>, read and written.</param>
    /// <param name="state">The running sums.</param>
    /// <param name="team">The threads that share the steps.</param>
    public void Forward(Span<float> z, SubSampleConvState state, WorkerTeam team)
    {
        int steps = z.Length / _size;
        Span<double> sums = stackalloc double[steps];
        Span<float> factors = stackalloc float[steps];

        SumJob sum = new(z, _size, sums);
        team.Run(ref sum, steps, grain: 2);
        for (int t = 0; t < steps; t++)
        {
            state.Sum += sums[t];
            factors[t] = (float)(state.Sum / ((double)(state.Steps + t + 1) * _size));
        }

        DeviationJob deviation = new(z, _size, factors, sums);
        team.Run(ref deviation, steps, grain: 2);
        for (int t = 0; t < steps; t++)
        {
            state.Deviation += sums[t];
            factors[t] = (float)(1 / Math.Sqrt(state.Deviation / ((double)(state.Steps + t + 1) * _size) + eps));
        }

        ScaleJob scale = new(z, _size, factors, Weights);
        team.Run(ref scale, steps, grain: 2);
        state.Steps += steps;
    }

    readonly ref struct SumJob(ReadOnlySpan<float> z, int size, Span<double> sums) : IParallelJob
    {
        readonly ReadOnlySpan<float> _z = z;
        readonly Span<double> _sums = sums;

        public void Run(int first, int last)
        {
            for (int t = first; t < last; t++)
            {
                _sums[t] = VectorMath.Sum(_z.Slice(t * size, size));
            }
        }
    }

    readonly ref struct DeviationJob(Span<float> z, int size, ReadOnlySpan<float> means, Span<double> sums) : IParallelJob
    {
        readonly Span<float> _z = z;
        readonly ReadOnlySpan<float> _means = means;
        readonly Span<double> _sums = sums;

        public void Run(int first, int last)
        {
            for (int t = first; t < last; t++)
            {
                Span<float> step = _z.Slice(t * size, size);
                Shift.Apply(step, -_means[t], step);
                _sums[t] = VectorMath.SumOfSquares(step);
            }
        }
    }

    readonly ref struct ScaleJob(Span<float> z, int size, ReadOnlySpan<float> scales, ReadOnlySpan<float> weights) : IParallelJob
    {
        readonly Span<float> _z = z;
        readonly ReadOnlySpan<float> _scales = scales;
        readonly ReadOnlySpan<float> _weights = weights;

        public void Run(int first, int last)
        {
            for (int t = first; t < last; t++)
            {
                Span<float> step = _z.Slice(t * size, size);
                VectorMath.Scale(step, _scales[t], step);
                VectorMath.Multiply(step, _weights, step);
            }
        }
    }
}
