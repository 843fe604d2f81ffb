using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;

namespace GemmaSharp.Model.Vision;

/// <summary>Keys or values of a <see cref="MobileAttention"/>: <c>proj · norm(down_conv(n))</c>, or <c>proj · n</c> where nothing shrinks.</summary>
/// <remarks>Immutable, thread-safe.</remarks>
sealed class KeyValueProjection(ParameterScope scope, VisionBlockShape shape, int dimension)
{
    readonly DepthwiseConvolution? _downConv = shape.Args.KvStride > 1
        ? new DepthwiseConvolution(scope, "down_conv", shape.InChannels, shape.Args.DwKernelSize, shape.Args.KvStride) : null;
    readonly RmsNorm? _norm = shape.Args.KvStride > 1 ? scope.Norm("norm", shape.InChannels) : null;
    readonly Convolution _proj = new(scope, "proj", shape.InChannels, dimension);

    /// <summary>All keys or values of a map, pixel by pixel, <c>[keys, dimension]</c>.</summary>
    public Rows Forward(FeatureMap n, Pass p)
    {
        PixelRange pixels = _downConv?.Window(n) is ConvolutionWindow w ? new PixelRange(0, w.OutputHeight * w.OutputWidth) : n.All;
        Rows y = p.New(pixels.Count, dimension);
        p.Bands((layer: this, n, y), pixels, n.Channels, static (b, band, s) =>
            b.layer._proj.Forward(b.layer.Input(b.n, band, s), b.y.Slice(band.First, band.Count)));
        return y;
    }

    Rows Input(FeatureMap n, PixelRange band, Scratch s) => _downConv is null ? n[band] : _norm!.Apply(_downConv.Forward(n, band, s));
}
