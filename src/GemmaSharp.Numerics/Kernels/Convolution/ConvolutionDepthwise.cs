using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>Depthwise convolution of an NHWC feature map: every channel has a kernel of its own.</summary>
/// <remarks>
/// Channels lie in the vector lanes. An output is one chain of multiply-adds over the kernel's positions, row by row;
/// positions outside the map are left out. Safe from any number of threads.
/// </remarks>
static unsafe class ConvolutionDepthwise
{
    /// <summary><c>y[p, c] = Σ x[s·row(p) + ky − before, s·column(p) + kx − before, c] · w[ky, kx, c]</c> for a range of output pixels.</summary>
    /// <param name="x">Input rows <see cref="ConvolutionWindow.FirstRow"/> and on, <c>[rows, width, C]</c>.</param>
    /// <param name="window">Sizes of the map, the kernel and its padding.</param>
    /// <param name="weight"><c>[k·k, C]</c></param>
    /// <param name="channels">C, 1 or more.</param>
    /// <param name="firstPixel">First output pixel, row-major over the whole output map.</param>
    /// <param name="pixels">Number of output pixels.</param>
    /// <param name="destination"><c>[pixels, C]</c>; must not overlap <paramref name="x"/>.</param>
    /// <exception cref="ArgumentException">A span is too short, or <paramref name="x"/> lacks rows that the pixels need.</exception>
    public static void Apply(
        ReadOnlySpan<float> x,
        in ConvolutionWindow window,
        ReadOnlySpan<float> weight,
        int channels,
        int firstPixel,
        int pixels,
        Span<float> destination) =>
        Widest.Run(new Kernel(x, window, weight, channels, firstPixel, pixels, destination));

    /// <summary>The convolution at a given width.</summary>
    internal static void Apply<TVector>(
        ReadOnlySpan<float> x,
        in ConvolutionWindow window,
        ReadOnlySpan<float> weight,
        int channels,
        int firstPixel,
        int pixels,
        Span<float> destination)
        where TVector : struct, IVector<TVector>
    {
        window.Check(x.Length, channels, firstPixel, pixels);
        int k = window.Kernel;
        if (weight.Length != k * k * channels)
        {
            throw new ArgumentException(
                $"weight has {weight.Length} elements; a {k} × {k} kernel of {channels} channels has {k * k * channels}.", nameof(weight));
        }
        if (destination.Length < (long)pixels * channels)
        {
            throw new ArgumentException(
                $"The destination has {destination.Length} elements; {pixels} pixels of {channels} channels need {(long)pixels * channels}.",
                nameof(destination));
        }
        fixed (float* px = x)
        fixed (float* pw = weight)
        fixed (float* py = destination)
        {
            for (int i = 0; i < pixels; i++)
            {
                PixelWindow at = window.At(firstPixel + i);
                float* source = px + (((long)at.FirstRow * window.Width) + at.FirstColumn) * channels;
                float* kernel = pw + (((long)at.FirstKernelRow * k) + at.FirstKernelColumn) * channels;
                Pixel<TVector>(
                    source,
                    (nuint)window.Width * (nuint)channels,
                    kernel,
                    (nuint)k * (nuint)channels,
                    at.Rows,
                    at.Columns,
                    (nuint)channels,
                    py + (long)i * channels);
            }
        }
    }

    /// <summary>One output pixel: all channels of <paramref name="rows"/> × <paramref name="columns"/> kernel positions.</summary>
    static void Pixel<TVector>(
        float* x, nuint xStride, float* w, nuint wStride, int rows, int columns, nuint channels, float* y)
        where TVector : struct, IVector<TVector>
    {
        nuint width = (nuint)TVector.Count;
        nuint c = 0;

        // Four vectors of channels, because one chain waits some four cycles for each sum.
        for (; c + 4 * width <= channels; c += 4 * width)
        {
            TVector a0 = TVector.Zero, a1 = TVector.Zero, a2 = TVector.Zero, a3 = TVector.Zero;
            for (int ky = 0; ky < rows; ky++)
            {
                float* px = x + (nuint)ky * xStride + c;
                float* pw = w + (nuint)ky * wStride + c;
                for (int kx = 0; kx < columns; kx++, px += channels, pw += channels)
                {
                    a0 = TVector.MultiplyAdd(TVector.Load(px), TVector.Load(pw), a0);
                    a1 = TVector.MultiplyAdd(TVector.Load(px + width), TVector.Load(pw + width), a1);
                    a2 = TVector.MultiplyAdd(TVector.Load(px + 2 * width), TVector.Load(pw + 2 * width), a2);
                    a3 = TVector.MultiplyAdd(TVector.Load(px + 3 * width), TVector.Load(pw + 3 * width), a3);
                }
            }
            TVector.Store(a0, y + c);
            TVector.Store(a1, y + c + width);
            TVector.Store(a2, y + c + 2 * width);
            TVector.Store(a3, y + c + 3 * width);
        }
        for (; c + width <= channels; c += width)
        {
            TVector.Store(Lanes<TVector>(x + c, xStride, w + c, wStride, rows, columns, channels), y + c);
        }
        for (; c < channels; c++)
        {
            F32x1.Store(Lanes<F32x1>(x + c, xStride, w + c, wStride, rows, columns, channels), y + c);
        }
    }

    /// <summary>One vector of channels.</summary>
    static TVector Lanes<TVector>(float* x, nuint xStride, float* w, nuint wStride, int rows, int columns, nuint channels)
        where TVector : struct, IVector<TVector>
    {
        TVector a = TVector.Zero;
        for (int ky = 0; ky < rows; ky++)
        {
            float* px = x + (nuint)ky * xStride;
            float* pw = w + (nuint)ky * wStride;
            for (int kx = 0; kx < columns; kx++, px += channels, pw += channels)
            {
                a = TVector.MultiplyAdd(TVector.Load(px), TVector.Load(pw), a);
            }
        }
        return a;
    }

    /// <summary>The convolution of a range of pixels.</summary>
    internal readonly ref struct Kernel(
        ReadOnlySpan<float> x, ConvolutionWindow window, ReadOnlySpan<float> weight, int channels, int firstPixel, int pixels, Span<float> destination)
        : IWidthKernel
    {
        readonly ReadOnlySpan<float> _x = x;
        readonly ReadOnlySpan<float> _weight = weight;
        readonly Span<float> _destination = destination;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TVector>()
            where TVector : struct, IVector<TVector> => Apply<TVector>(_x, window, _weight, channels, firstPixel, pixels, _destination);
    }
}
