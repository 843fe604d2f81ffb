namespace GemmaSharp.Numerics.Kernels;

/// <summary>Lays the window of every output pixel out as a row, so that a convolution becomes a matrix product.</summary>
/// <remarks>Positions outside the map are zeros. Safe from any number of threads.</remarks>
static class ConvolutionPatches
{
    /// <summary>Patches of an NHWC map: <c>destination[p, ky, kx, c]</c>.</summary>
    /// <param name="x">Input rows <see cref="ConvolutionWindow.FirstRow"/> and on, <c>[rows, width, C]</c>.</param>
    /// <param name="window">Sizes of the map, the kernel and its padding.</param>
    /// <param name="channels">C, 1 or more.</param>
    /// <param name="firstPixel">First output pixel, row-major over the whole output map.</param>
    /// <param name="pixels">Number of output pixels.</param>
    /// <param name="destination"><c>[pixels, k·k·C]</c></param>
    /// <exception cref="ArgumentException">A span is too short, or <paramref name="x"/> lacks rows that the pixels need.</exception>
    public static void Gather(
        ReadOnlySpan<float> x, in ConvolutionWindow window, int channels, int firstPixel, int pixels, Span<float> destination)
    {
        window.Check(x.Length, channels, firstPixel, pixels);
        int k = window.Kernel;
        int rowLength = k * channels;
        int patchLength = k * rowLength;
        for (int i = 0; i < pixels; i++)
        {
            PixelWindow at = window.At(firstPixel + i);
            Span<float> patch = destination.Slice(i * patchLength, patchLength);
            if (at.Rows < k || at.Columns < k)
            {
                patch.Clear();
            }
            for (int ky = 0; ky < at.Rows; ky++)
            {
                // The columns of a window lie side by side in the map as in the patch.
                int source = (((at.FirstRow + ky) * window.Width) + at.FirstColumn) * channels;
                int target = ((at.FirstKernelRow + ky) * rowLength) + (at.FirstKernelColumn * channels);
                x.Slice(source, at.Columns * channels).CopyTo(patch[target..]);
            }
        }
    }

    /// <summary>Patches of a picture whose channels are planes: <c>destination[p, ky, kx, c]</c>.</summary>
    /// <param name="x">The whole picture, <c>[C, height, width]</c>.</param>
    /// <param name="window">Sizes of the picture, the kernel and its padding; its first row is 0.</param>
    /// <param name="channels">C, 1 or more.</param>
    /// <param name="firstPixel">First output pixel, row-major over the whole output map.</param>
    /// <param name="pixels">Number of output pixels.</param>
    /// <param name="destination"><c>[pixels, k·k·C]</c></param>
    /// <exception cref="ArgumentException">A span is too short.</exception>
    public static void GatherPlanar(
        ReadOnlySpan<float> x, in ConvolutionWindow window, int channels, int firstPixel, int pixels, Span<float> destination)
    {
        window.Check(x.Length, channels, firstPixel, pixels);
        int k = window.Kernel;
        int patchLength = k * k * channels;
        for (int c = 0; c < channels; c++)
        {
            ReadOnlySpan<float> plane = x.Slice(c * window.Height * window.Width, window.Height * window.Width);
            for (int i = 0; i < pixels; i++)
            {
                PixelWindow at = window.At(firstPixel + i);
                Span<float> patch = destination.Slice(i * patchLength, patchLength);
                if (c == 0 && (at.Rows < k || at.Columns < k))
                {
                    patch.Clear();
                }
                for (int ky = 0; ky < at.Rows; ky++)
                {
                    ReadOnlySpan<float> row = plane.Slice(((at.FirstRow + ky) * window.Width) + at.FirstColumn, at.Columns);
                    int target = ((((at.FirstKernelRow + ky) * k) + at.FirstKernelColumn) * channels) + c;
                    for (int kx = 0; kx < row.Length; kx++)
                    {
                        patch[target + (kx * channels)] = row[kx];
                    }
                }
            }
        }
    }
}
