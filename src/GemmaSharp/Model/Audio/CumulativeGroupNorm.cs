using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;

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
/// Immutable, thread-safe. Source: transformers <c>Gemma3nAudioCumulativeGroupNorm</c>.
/// </para>
/// </remarks>
/// <param name="weight"><c>[channels]</c></param>
/// <param name="frequencies">Frequencies of a step.</param>
/// <param name="eps">ε</param>
sealed class CumulativeGroupNorm(float[] weight, int frequencies, float eps)
{
    float[]? _weights;

    // The weights repeated for each frequency, so that a step is one product.
    float[] Weights => _weights ??= [.. Enumerable.Repeat(weight, frequencies).SelectMany(w => w)];

    /// <summary>Normalises the next steps of a clip.</summary>
    /// <param name="z"><c>[steps, frequencies · channels]</c>, changed in place.</param>
    /// <param name="progress">Steps and sums before them; the sums are carried on.</param>
    /// <param name="p">The pass.</param>
    public void Forward(Rows z, ConvolutionProgress progress, Pass p)
    {
        using Pass.Scope _ = p.Enter();
        Rows sums = p.New(z.Count, 1), factors = p.New(z.Count, 1);

        p.Map((z, sums), static (s, t) => s.sums[t][0] = VectorMath.Sum(s.z[t]), z.Count);
        for (int t = 0; t < z.Count; t++)
        {
            progress.Sum += sums[t][0];
            factors[t][0] = (float)(progress.Sum / ((double)(progress.Done + t + 1) * z.Width));
        }

        p.Map((z, means: factors, sums), static (s, t) =>
        {
            Shift.Apply(s.z[t], -s.means[t][0], s.z[t]);
            s.sums[t][0] = VectorMath.SumOfSquares(s.z[t]);
        }, z.Count);
        for (int t = 0; t < z.Count; t++)
        {
            progress.Deviation += sums[t][0];
            factors[t][0] = (float)(1 / Math.Sqrt(progress.Deviation / ((double)(progress.Done + t + 1) * z.Width) + eps));
        }

        p.Map((z, factors, Weights), static (s, t) =>
        {
            VectorMath.Scale(s.z[t], s.factors[t][0], s.z[t]);
            VectorMath.Multiply(s.z[t], s.Weights, s.z[t]);
        }, z.Count);
    }
}
