using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Matrices;

namespace GemmaSharp.Model.Vision;

/// <summary>A k × k convolution over all channels, "same" padding and no bias: <c>y = patches · Wᵀ</c>, where a 1 × 1 patch is the pixel.</summary>
/// <remarks>Computes on the calling thread. Immutable, thread-safe.</remarks>
sealed class Convolution(ParameterScope scope, string name, int inChannels, int outChannels, int kernel = 1, int stride = 1)
{
    readonly WeightMatrix _weight = scope.Convolution(name, outChannels, inChannels, kernel, kernel);

    /// <summary>Values of a patch, <c>k · k · inChannels</c>.</summary>
    public int PatchLength => kernel * kernel * inChannels;

    /// <summary>The convolution of some output pixels.</summary>
    /// <param name="x">Input map, whole.</param>
    /// <param name="band">Output pixels.</param>
    /// <param name="s">Gives <see cref="PatchLength"/> + outChannels floats for each of them.</param>
    /// <returns><c>[band, outChannels]</c></returns>
    public Rows Forward(FeatureMap x, PixelRange band, Scratch s)
    {
        Rows patches = s.New(band.Count, PatchLength);
        ConvolutionPatches.Gather(x.Pixels.Span, Window(x.Height, x.Width), inChannels, band.First, band.Count, patches.Span);
        return Forward(patches, s);
    }

    /// <summary>The same over a picture in planes, into rows that are there.</summary>
    /// <param name="planes"><c>[inChannels, height, width]</c></param>
    /// <param name="height">Rows of the picture.</param>
    /// <param name="width">Columns of the picture.</param>
    /// <param name="band">Output pixels.</param>
    /// <param name="y">Receives <c>[band, outChannels]</c>.</param>
    /// <param name="s">Gives <see cref="PatchLength"/> floats for each of them.</param>
    /// <returns><paramref name="y"/></returns>
    public Rows Forward(float[] planes, int height, int width, PixelRange band, Rows y, Scratch s)
    {
        Rows patches = s.New(band.Count, PatchLength);
        ConvolutionPatches.GatherPlanar(planes, Window(height, width), inChannels, band.First, band.Count, patches.Span);
        return Forward(patches, y);
    }

    /// <summary>The product alone, <c>[n, outChannels]</c>.</summary>
    /// <param name="patches"><c>[n, PatchLength]</c>: where the kernel is 1 × 1, pixels.</param>
    /// <param name="s">Gives outChannels floats for each row.</param>
    public Rows Forward(Rows patches, Scratch s) => Forward(patches, s.New(patches.Count, outChannels));

    /// <summary>The same into rows that are there.</summary>
    /// <returns><paramref name="y"/></returns>
    public Rows Forward(Rows patches, Rows y)
    {
        _weight.MultiplyHere(patches.Span, patches.Count, y.Span);
        return y;
    }

    ConvolutionWindow Window(int height, int width) => new(height, width, 0, kernel, stride);
}
