using GemmaSharp.Numerics.Kernels;

namespace GemmaSharp.Model.Vision;

/// <summary>Resizes feature maps the three ways the fusion adapter does; all channels of a pixel go together.</summary>
/// <remarks>Coordinates are computed in float32, as PyTorch's <c>interpolate</c> computes them.</remarks>
static class FeatureResize
{
    /// <summary>The nearest pixel: <c>source = ⌊target · in / out⌋</c>.</summary>
    /// <param name="x">The whole map.</param>
    /// <param name="height">Rows of the output.</param>
    /// <param name="width">Columns of the output.</param>
    /// <param name="range">Output pixels.</param>
    /// <param name="destination">Receives a pixel's channels every <paramref name="destinationStride"/> elements.</param>
    /// <param name="destinationStride">Elements from pixel to pixel.</param>
    public static void Nearest(
        FeatureMap x, int height, int width, PixelRange range, Span<float> destination, int destinationStride)
    {
        float rowScale = (float)x.Height / height, columnScale = (float)x.Width / width;
        for (int i = 0; i < range.Count; i++)
        {
            (int row, int column) = Math.DivRem(range.First + i, width);
            int sourceRow = Math.Min((int)(row * rowScale), x.Height - 1);
            int sourceColumn = Math.Min((int)(column * columnScale), x.Width - 1);
            Pixel(x, sourceRow, sourceColumn).CopyTo(destination[(i * destinationStride)..]);
        }
    }

    /// <summary>The mean of equal cells; both axes are multiples of the output's.</summary>
    /// <param name="x">The whole map.</param>
    /// <param name="height">Rows of the output.</param>
    /// <param name="width">Columns of the output.</param>
    /// <param name="range">Output pixels.</param>
    /// <param name="destination">Receives <c>[range, C]</c>.</param>
    public static void AveragePool(FeatureMap x, int height, int width, PixelRange range, Span<float> destination)
    {
        int cellHeight = x.Height / height, cellWidth = x.Width / width;
        for (int i = 0; i < range.Count; i++)
        {
            (int row, int column) = Math.DivRem(range.First + i, width);
            Span<float> sum = destination.Slice(i * x.Channels, x.Channels);
            Pixel(x, row * cellHeight, column * cellWidth).CopyTo(sum);
            for (int j = 1; j < cellHeight * cellWidth; j++)
            {
                (int dy, int dx) = Math.DivRem(j, cellWidth);
                VectorMath.Add(sum, Pixel(x, (row * cellHeight) + dy, (column * cellWidth) + dx), sum);
            }
            VectorMath.Scale(sum, 1f / (cellHeight * cellWidth), sum);
        }
    }

    /// <summary>Linear in both axes between pixel centres, without antialiasing; edges are repeated.</summary>
    /// <param name="x">The whole map.</param>
    /// <param name="height">Rows of the output.</param>
    /// <param name="width">Columns of the output.</param>
    /// <param name="range">Output pixels.</param>
    /// <param name="destination">Receives <c>[range, C]</c>.</param>
    public static void Bilinear(FeatureMap x, int height, int width, PixelRange range, Span<float> destination)
    {
        for (int i = 0; i < range.Count; i++)
        {
            (int row, int column) = Math.DivRem(range.First + i, width);
            (int top, int bottom, float down) = Between(row, x.Height, height);
            (int left, int right, float across) = Between(column, x.Width, width);
            Span<float> sum = destination.Slice(i * x.Channels, x.Channels);
            VectorMath.Scale(Pixel(x, top, left), (1 - down) * (1 - across), sum);
            VectorMath.MultiplyAdd(Pixel(x, top, right), (1 - down) * across, sum, sum);
            VectorMath.MultiplyAdd(Pixel(x, bottom, left), down * (1 - across), sum, sum);
            VectorMath.MultiplyAdd(Pixel(x, bottom, right), down * across, sum, sum);
        }
    }

    /// <summary><c>source = (target + ½) · in / out − ½</c>, not below 0: the two neighbours and the second one's share.</summary>
    static (int First, int Second, float Share) Between(int target, int inSize, int outSize)
    {
        float source = Math.Max(0f, ((target + 0.5f) * ((float)inSize / outSize)) - 0.5f);
        int first = Math.Min((int)source, inSize - 1);
        return (first, Math.Min(first + 1, inSize - 1), source - first);
    }

    static ReadOnlySpan<float> Pixel(FeatureMap x, int row, int column) =>
        x.Values.Slice(((row * x.Width) + column) * x.Channels, x.Channels);
}
