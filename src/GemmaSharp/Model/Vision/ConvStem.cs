using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;

namespace GemmaSharp.Model.Vision;

/// <summary>The stem: <c>gelu(norm(conv₃ₓ₃(picture) + bias))</c> at stride 2, from planes to pixels.</summary>
/// <remarks>Source: <c>ConvNormAct</c> of timm under the name <c>conv_stem</c>. Immutable, thread-safe.</remarks>
sealed class ConvStem(ParameterScope scope, int outChannels, bool bias)
{
    const int Kernel = 3;

    readonly Convolution _conv = new(scope, "conv", VisionNetwork.Colours, outChannels, Kernel, VisionNetwork.StemStride);
    readonly float[] _bias = bias ? scope.OptionalVector("conv.bias", outChannels) : [];
    readonly RmsNorm _bn = scope.Norm("bn", outChannels);

    /// <summary>Computes the stem.</summary>
    /// <param name="picture">Planes, <c>[3, height, width]</c>.</param>
    /// <param name="height">Rows of the picture.</param>
    /// <param name="width">Columns of the picture.</param>
    /// <param name="y">Receives the output.</param>
    /// <param name="p">The pass.</param>
    public void Forward(float[] picture, int height, int width, FeatureMap y, Pass p) =>
        p.Bands((stem: this, picture, height, width, y), y.All, _conv.PatchLength, static (b, band, s) =>
            b.stem._bn.Gelu(b.stem.AddBias(b.stem._conv.Forward(b.picture, b.height, b.width, band, b.y[band], s))));

    Rows AddBias(Rows x)
    {
        for (int i = 0; i < x.Count && _bias.Length > 0; i++)
        {
            VectorMath.Add(x[i], _bias, x[i]);
        }

        return x;
    }
}
