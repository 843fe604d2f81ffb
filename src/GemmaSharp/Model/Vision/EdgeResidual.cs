using GemmaSharp.Layers;

namespace GemmaSharp.Model.Vision;

/// <summary>Edge residual block: <c>norm(conv_pwl · gelu(norm(conv_exp(x)))) [+ x]</c>, the expansion a full k × k convolution.</summary>
/// <remarks>Source: <c>EdgeResidual</c> of timm. Immutable, thread-safe.</remarks>
sealed class EdgeResidual(ParameterScope scope, VisionBlockShape shape) : IVisionBlock
{
    readonly Convolution _convExp = new(scope, "conv_exp", shape.InChannels, shape.MidChannels, shape.Args.ExpKernelSize, shape.Stride);
    readonly RmsNorm _bn1 = scope.Norm("bn1", shape.MidChannels);
    readonly Convolution _convPwl = new(scope, "conv_pwl", shape.MidChannels, shape.OutChannels);
    readonly RmsNorm _bn2 = scope.Norm("bn2", shape.OutChannels);
    readonly bool _skip = shape.Skip;

    public void Forward(FeatureMap x, FeatureMap y, Pass p) =>
        p.Bands((block: this, x, y), y.All, _convExp.PatchLength + _bn1.Width, static (b, band, s) => b.block.Forward(b.x, b.y, band, s));

    void Forward(FeatureMap x, FeatureMap y, PixelRange band, Scratch s)
    {
        Rows mid = _bn1.Gelu(_convExp.Forward(x, band, s));
        _bn2.Residual(_convPwl.Forward(mid, y[band]), [], _skip ? x[band] : null);
    }
}
