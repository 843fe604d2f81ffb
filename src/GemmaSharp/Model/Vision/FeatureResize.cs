using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;

namespace GemmaSharp.Model.Vision;

/// <summary>Resizes feature maps the three ways the fusion adapter does; all channels of a pixel go together.</summary>
/// <remarks>Coordinates are computed in float32, as PyTorch's <c>interpolate</c> computes them. Computes on the calling thread.</remarks>
static class FeatureResize
{
    /// <summary>The nearest pixel: <c>source = ⌊target · in / out⌋</c>.</summary>
    /// <param name="x">The whole map.</param>
    /// <param name="size">A map of the output's height and width.</param>
    /// <param name="band">Output pixels.</param>
    /// <param name="destination">Receives the channels of the band's pixels, from column <paramref name="channel"/> of their rows on.</param>
    /// <param name="channel">Where the channels of a row begin.</param>
    public static void Nearest(FeatureMap x, FeatureMap size, PixelRange band, Rows destination, int channel)
    {
        float lineScale = (float)x.Height / size.Height, columnScale = (float)x.Width / size.Width;
        for (int i = 0; i < band.Count; i++)
        {
            (int line, int column) = Math.DivRem(band.First + i, size.Width);
            int sourceLine = Math.Min((int)(line * lineScale), x.Height - 1);
            int sourceColumn = Math.Min((int)(column * columnScale), x.Width - 1);
            x[sourceLine, sourceColumn].CopyTo(destination[i][channel..]);
        }
    }

    /// <summary>The mean of equal cells where both axes are multiples of the output's, elsewhere <see cref="Bilinear"/>.</summary>
    /// <param name="x">The whole map.</param>
    /// <param name="y">The whole output.</param>
    /// <param name="band">Output pixels.</param>
    /// <returns>The band's pixels of <paramref name="y"/>.</returns>
    public static Rows Apply(FeatureMap x, FeatureMap y, PixelRange band)
    {
        bool cells = x.Height % y.Height == 0 && x.Width % y.Width == 0;
        Rows pixels = y[band];
        for (int i = 0; i < band.Count; i++)
        {
            (int line, int column) = Math.DivRem(band.First + i, y.Width);
            if (cells)
            {
                Mean(x, line, x.Height / y.Height, column, x.Width / y.Width, pixels[i]);
            }
            else
            {
                Bilinear(x, Between(line, x.Height, y.Height), Between(column, x.Width, y.Width), pixels[i]);
            }
        }

        return pixels;
    }

    /// <summary>The mean of the cell of this line and column.</summary>
    static void Mean(FeatureMap x, int line, int cellHeight, int column, int cellWidth, Span<float> sum)
    {
        x[line * cellHeight, column * cellWidth].CopyTo(sum);
        for (int j = 1; j < cellHeight * cellWidth; j++)
        {
            (int dy, int dx) = Math.DivRem(j, cellWidth);
            VectorMath.Add(sum, x[(line * cellHeight) + dy, (column * cellWidth) + dx], sum);
        }

        VectorMath.Scale(sum, 1f / (cellHeight * cellWidth), sum);
    }

    /// <summary>Linear in both axes between pixel centres, without antialiasing; edges are repeated.</summary>
    static void Bilinear(FeatureMap x, (int First, int Second, float Share) line, (int First, int Second, float Share) column, Span<float> sum)
    {
        VectorMath.Scale(x[line.First, column.First], (1 - line.Share) * (1 - column.Share), sum);
        VectorMath.MultiplyAdd(x[line.First, column.Second], (1 - line.Share) * column.Share, sum, sum);
        VectorMath.MultiplyAdd(x[line.Second, column.First], line.Share * (1 - column.Share), sum, sum);
        VectorMath.MultiplyAdd(x[line.Second, column.Second], line.Share * column.Share, sum, sum);
    }

    /// <summary><c>source = (target + ½) · in / out − ½</c>, not below 0: the two neighbours and the second one's share.</summary>
    static (int First, int Second, float Share) Between(int target, int inSize, int outSize)
    {
        float source = Math.Max(0f, ((target + 0.5f) * ((float)inSize / outSize)) - 0.5f);
        int first = Math.Min((int)source, inSize - 1);
        return (first, Math.Min(first + 1, inSize - 1), source - first);
    }
}
