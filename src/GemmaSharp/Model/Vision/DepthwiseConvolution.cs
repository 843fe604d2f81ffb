using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;

namespace GemmaSharp.Model.Vision;

/// <summary>A k × k convolution with a kernel per channel, "same" padding and no bias.</summary>
/// <remarks>Computes on the calling thread. Immutable, thread-safe.</remarks>
sealed class DepthwiseConvolution(ParameterScope scope, string name, int channels, int kernel, int stride)
{
    readonly float[] _weight = scope.DepthwiseConvolution(name, channels, kernel, kernel);

    /// <summary>The geometry over a map.</summary>
    public ConvolutionWindow Window(FeatureMap x) => new(x.Height, x.Width, x.FirstLine, kernel, stride);

    /// <summary>The convolution of some output pixels.</summary>
    /// <param name="x">Input map; its lines at hand cover what the band needs.</param>
    /// <param name="band">Output pixels.</param>
    /// <param name="s">Gives a float for each value of the result.</param>
    /// <returns><c>[band, C]</c></returns>
    public Rows Forward(FeatureMap x, PixelRange band, Scratch s)
    {
        Rows y = s.New(band.Count, channels);
        ConvolutionDepthwise.Apply(x.Pixels.Span, Window(x), _weight, channels, band.First, band.Count, y.Span);
        return y;
    }
}
