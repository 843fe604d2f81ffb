using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;

namespace GemmaSharp.Model.Vision;

/// <summary>A k × k convolution with a kernel per channel, "same" padding and no bias.</summary>
/// <remarks>Immutable, thread-safe.</remarks>
sealed class DepthwiseConvolution(ParameterScope scope, string name, int channels, int kernel, int stride)
{
    readonly float[] _weight = scope.DepthwiseConvolution(name, channels, kernel, kernel);

    /// <summary>The geometry over a map whose rows at hand begin with <paramref name="firstRow"/>.</summary>
    public ConvolutionWindow Window(int height, int width, int firstRow = 0) => new(height, width, firstRow, kernel, stride);

    /// <summary>Computes a range of output pixels.</summary>
    /// <param name="x">Input map; its rows at hand cover what the range needs.</param>
    /// <param name="range">Output pixels.</param>
    /// <param name="destination">Receives <c>[range, C]</c>.</param>
    public void Forward(FeatureMap x, PixelRange range, Span<float> destination) => ConvolutionDepthwise.Apply(
        x.Values, Window(x.Height, x.Width, x.FirstRow), _weight, channels, range.First, range.Count, destination);
}
