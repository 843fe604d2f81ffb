using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;

namespace GemmaSharp.Model.Vision;

/// <summary>The tower's norms, over the channels of every pixel, and what follows them.</summary>
/// <remarks>
/// Computed on the calling thread; what follows is done pixel by pixel while the pixel is in the nearest cache. The epsilon is the tower's own, the same
/// everywhere and not the config's. Source: <c>RmsNorm2d</c>, <c>RmsNormAct2d</c> of timm.
/// </remarks>
static class PixelNorm
{
    const float Eps = 1e-6f;

    /// <summary>A norm of the tower, of weight <c>[channels]</c>.</summary>
    public static RmsNorm Norm(this ParameterScope scope, string name, int channels) => scope.RmsNorm(name, channels, Eps);

    /// <summary><c>x ← norm(x)</c></summary>
    /// <returns><paramref name="x"/></returns>
    public static Rows Apply(this RmsNorm norm, Rows x)
    {
        for (int i = 0; i < x.Count; i++)
        {
            norm.Apply(x[i], x[i]);
        }

        return x;
    }

    /// <summary><c>x ← gelu(norm(x))</c></summary>
    /// <returns><paramref name="x"/></returns>
    public static Rows Gelu(this RmsNorm norm, Rows x)
    {
        for (int i = 0; i < x.Count; i++)
        {
            Span<float> pixel = x[i];
            norm.Apply(pixel, pixel);
            Numerics.Kernels.Gelu.Tanh(pixel, pixel);
        }

        return x;
    }

    /// <summary><c>y ← γ ⊙ norm(y) + x</c>: the end of a block. An empty γ and a missing x are left out.</summary>
    public static void Residual(this RmsNorm norm, Rows y, float[] gamma, Rows? x)
    {
        for (int i = 0; i < y.Count; i++)
        {
            norm.Apply(y[i], y[i]);
            Residual(y[i], gamma, x, i);
        }
    }

    /// <summary>The same without a norm.</summary>
    public static void Residual(Rows y, float[] gamma, Rows? x)
    {
        for (int i = 0; i < y.Count; i++)
        {
            Residual(y[i], gamma, x, i);
        }
    }

    static void Residual(Span<float> pixel, float[] gamma, Rows? x, int i)
    {
        if (gamma.Length > 0)
        {
            VectorMath.Multiply(pixel, gamma, pixel);
        }

        if (x is Rows rows)
        {
            VectorMath.Add(pixel, rows[i], pixel);
        }
    }
}
