using System.Runtime.InteropServices;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>The geometry of a square convolution with "same" padding over a feature map, some rows of which are at hand.</summary>
/// <param name="Height">Rows of the whole input map, 1 or more.</param>
/// <param name="Width">Columns of the input map, 1 or more.</param>
/// <param name="FirstRow">Row of the whole map that the rows at hand begin with, 0 or more.</param>
/// <param name="Kernel">Side of the kernel, 1 or more.</param>
/// <param name="Stride">Step from one output pixel to the next, 1 or more.</param>
/// <remarks>
/// TensorFlow's "same": the output has <c>⌈n / s⌉</c> rows, <c>max(0, (out − 1)·s + k − n)</c> zeros surround the input,
/// and of an odd number the bottom or right side gets one more. Source: timm <c>layers/padding.py</c>.
/// </remarks>
[StructLayout(LayoutKind.Auto)]
readonly record struct ConvolutionWindow(int Height, int Width, int FirstRow, int Kernel, int Stride)
{
    /// <summary>Rows of the output map.</summary>
    public int OutputHeight => OutputSize(Height, Stride);

    /// <summary>Columns of the output map.</summary>
    public int OutputWidth => OutputSize(Width, Stride);

    /// <summary>Zeros above the first row.</summary>
    public int Top => Before(Height, Kernel, Stride);

    /// <summary>Zeros left of the first column.</summary>
    public int Left => Before(Width, Kernel, Stride);

    /// <summary><c>⌈n / s⌉</c></summary>
    /// <param name="size">Rows or columns of the input.</param>
    /// <param name="stride">Step, 1 or more.</param>
    /// <returns>Rows or columns of the output.</returns>
    public static int OutputSize(int size, int stride) => (size + stride - 1) / stride;

    /// <summary>The input rows that a range of output rows reads.</summary>
    /// <param name="firstOutputRow">First output row.</param>
    /// <param name="lastOutputRow">The row after the last.</param>
    /// <returns>A half-open range of rows of the whole map.</returns>
    public (int First, int Last) InputRows(int firstOutputRow, int lastOutputRow) => (
        Math.Clamp(firstOutputRow * Stride - Top, 0, Height),
        Math.Clamp((lastOutputRow - 1) * Stride - Top + Kernel, 0, Height));

    /// <summary>What the kernel covers at one output pixel.</summary>
    internal PixelWindow At(int pixel)
    {
        int row = pixel / OutputWidth * Stride - Top;
        int column = pixel % OutputWidth * Stride - Left;
        int firstRow = Math.Max(0, row);
        int firstColumn = Math.Max(0, column);
        return new(
            firstRow - FirstRow,
            Math.Min(Height, row + Kernel) - firstRow,
            firstColumn,
            Math.Min(Width, column + Kernel) - firstColumn,
            firstRow - row,
            firstColumn - column);
    }

    /// <summary>Refuses a span of input rows too short for a range of output pixels.</summary>
    internal void Check(int length, int channels, int firstPixel, int pixels)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Height, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(Width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(Kernel, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(Stride, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(channels, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(firstPixel);
        ArgumentOutOfRangeException.ThrowIfNegative(pixels);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)firstPixel + pixels, (long)OutputHeight * OutputWidth, nameof(pixels));
        if (pixels == 0)
        {
            return;
        }
        (int first, int last) = InputRows(firstPixel / OutputWidth, (firstPixel + pixels - 1) / OutputWidth + 1);
        if (first < FirstRow || length < (long)(last - FirstRow) * Width * channels)
        {
            throw new ArgumentException(
                $"x holds {length} elements from row {FirstRow} on; the output pixels read rows {first} to {last} of {Width} × {channels} elements.");
        }
    }

    static int Before(int size, int kernel, int stride) =>
        Math.Max(0, (OutputSize(size, stride) - 1) * stride + kernel - size) / 2;
}

/// <summary>The part of a kernel's window that lies inside the map.</summary>
/// <param name="FirstRow">First input row, counted from the rows at hand.</param>
/// <param name="Rows">Number of input rows.</param>
/// <param name="FirstColumn">First input column.</param>
/// <param name="Columns">Number of input columns.</param>
/// <param name="FirstKernelRow">Kernel row that falls on <paramref name="FirstRow"/>.</param>
/// <param name="FirstKernelColumn">Kernel column that falls on <paramref name="FirstColumn"/>.</param>
[StructLayout(LayoutKind.Auto)]
readonly record struct PixelWindow(
    int FirstRow, int Rows, int FirstColumn, int Columns, int FirstKernelRow, int FirstKernelColumn);
