using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;

namespace GemmaSharp.Model.Vision;

/// <summary>RMS norm over the channels of every pixel: <c>x / √(mean(x²) + 10⁻⁶) ⊙ weight</c>, in place.</summary>
/// <remarks>
/// What follows the norm is done row by row while the row is in the nearest cache. The epsilon is the tower's own, the same
/// everywhere and not the config's. Source: <c>RmsNorm2d</c>, <c>RmsNormAct2d</c> of timm. Immutable, thread-safe.
/// </remarks>
sealed class RmsNorm2d(ParameterScope scope, string name, int channels)
{
    const float Eps = 1e-6f;

    readonly float[] _weight = scope.Vector($"{name}.weight", channels);

    /// <summary><c>x ← norm(x)</c></summary>
    /// <param name="x"><c>[pixels, C]</c></param>
    public void Apply(Span<float> x) => Apply(x, x);

    /// <summary><c>destination ← norm(x)</c></summary>
    /// <param name="x"><c>[pixels, C]</c></param>
    /// <param name="destination"><c>[pixels, C]</c></param>
    public void Apply(ReadOnlySpan<float> x, Span<float> destination)
    {
        for (int i = 0; i < x.Length; i += channels)
        {
            RmsNormKernel.Apply(x.Slice(i, channels), _weight, Eps, destination.Slice(i, channels));
        }
    }

    /// <summary><c>x ← gelu(norm(x))</c></summary>
    /// <param name="x"><c>[pixels, C]</c></param>
    public void ApplyGelu(Span<float> x)
    {
        for (int i = 0; i < x.Length; i += channels)
        {
            Span<float> row = x.Slice(i, channels);
            RmsNormKernel.Apply(row, _weight, Eps, row);
            Gelu.Tanh(row, row);
        }
    }

    /// <summary><c>x ← norm(x) ⊙ gamma + residual</c>; an empty gamma or residual is left out.</summary>
    /// <param name="x"><c>[pixels, C]</c></param>
    /// <param name="gamma"><c>[C]</c></param>
    /// <param name="residual"><c>[pixels, C]</c></param>
    public void ApplyResidual(Span<float> x, ReadOnlySpan<float> gamma, ReadOnlySpan<float> residual)
    {
        for (int i = 0; i < x.Length; i += channels)
        {
            Span<float> row = x.Slice(i, channels);
            RmsNormKernel.Apply(row, _weight, Eps, row);
            if (!gamma.IsEmpty)
            {
                VectorMath.Multiply(row, gamma, row);
            }
            if (!residual.IsEmpty)
            {
                VectorMath.Add(row, residual.Slice(i, channels), row);
            }
        }
    }
}
