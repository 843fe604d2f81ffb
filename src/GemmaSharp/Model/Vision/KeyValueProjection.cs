using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Matrices;

namespace GemmaSharp.Model.Vision;

/// <summary>Keys or values of a <see cref="MobileAttention"/>: <c>proj · norm(down_conv(n))</c>, or <c>proj · n</c> where nothing shrinks.</summary>
/// <remarks>Immutable, thread-safe.</remarks>
sealed class KeyValueProjection
{
    readonly int _channels;
    readonly DepthwiseConvolution? _downConv;
    readonly RmsNorm2d? _norm;
    readonly WeightMatrix _proj;

    public KeyValueProjection(ParameterScope scope, VisionBlockShape shape, int dimension)
    {
        _channels = shape.InChannels;
        if (shape.Args.KvStride > 1)
        {
            _downConv = new DepthwiseConvolution(scope, "down_conv", _channels, shape.Args.DwKernelSize, shape.Args.KvStride);
            _norm = new RmsNorm2d(scope, "norm", _channels);
        }
        _proj = scope.Convolution("proj", dimension, _channels, 1, 1);
    }

    /// <summary>Sizes of the map of keys or values.</summary>
    public (int Height, int Width) OutputSize(int height, int width) =>
        _downConv?.Window(height, width) is ConvolutionWindow window ? (window.OutputHeight, window.OutputWidth) : (height, width);

    ReadOnlySpan<float> Input(FeatureMap n, PixelRange range, Span<float> scratch)
    {
        if (_downConv is null)
        {
            return n[range];
        }
        Span<float> down = scratch[..(range.Count * _channels)];
        _downConv.Forward(n, range, down);
        _norm!.Apply(down);
        return down;
    }

    /// <summary>Computes a range of keys or values from n.</summary>
    public readonly struct Project(KeyValueProjection projection) : IBandOperation
    {
        public long Scratch(int pixels) => (long)pixels * projection._channels;

        public void Forward(FeatureMap x, PixelRange range, Span<float> scratch, VisionWorkspace workspace, Span<float> destination)
        {
            ColumnProduct.Multiply(projection.Input(x, range, scratch), range.Count, projection._proj, destination);
        }
    }
}
