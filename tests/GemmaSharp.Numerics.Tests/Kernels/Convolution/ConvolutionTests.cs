using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Tests.Kernels;

public class ConvolutionTests
{
    static readonly int[] s_kernels = [1, 3, 5];
    static readonly (int Height, int Width)[] s_sizes = [(1, 1), (2, 3), (4, 4), (5, 8), (7, 6), (9, 11), (16, 2)];

    [Theory]
    [InlineData(nameof(F32x16))]
    [InlineData(nameof(F32x8))]
    [InlineData(nameof(F32x4))]
    [InlineData(nameof(F32x1))]
    public void Depthwise_EverySizeAndChannelCount_MatchesPlainLoopInDouble(string width)
    {
        foreach (int kernel in s_kernels)
        {
            for (int stride = 1; stride <= 2; stride++)
            {
                foreach ((int height, int columns) in s_sizes)
                {
                    Depthwise(width, new ConvolutionWindow(height, columns, 0, kernel, stride), 19);
                }
                for (int channels = 1; channels <= 97; channels++)
                {
                    Depthwise(width, new ConvolutionWindow(4, 5, 0, kernel, stride), channels);
                }
            }
        }
    }

    [Theory]
    [InlineData(nameof(F32x16))]
    [InlineData(nameof(F32x8))]
    [InlineData(nameof(F32x4))]
    [InlineData(nameof(F32x1))]
    public void Depthwise_EveryChannelCountTo257_MatchesPlainLoopInDouble(string width)
    {
        for (int channels = 1; channels <= 257; channels++)
        {
            Depthwise(width, new ConvolutionWindow(3, 3, 0, 3, 2), channels);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Depthwise_SomeRowsAndPixels_GivesTheSameBits(int stride)
    {
        ConvolutionWindow whole = new(9, 7, 0, 5, stride);
        const int Channels = 21;
        Random random = new(stride);
        float[] x = Randoms.Singles(random, 9 * 7 * Channels);
        float[] weight = Randoms.Singles(random, 25 * Channels);
        int pixels = whole.OutputHeight * whole.OutputWidth;
        float[] expected = new float[pixels * Channels];
        ConvolutionDepthwise.Apply(x, whole, weight, Channels, 0, pixels, expected);
        for (int first = 0; first < pixels; first += 4)
        {
            int count = Math.Min(4, pixels - first);
            (int firstRow, int lastRow) = whole.InputRows(first / whole.OutputWidth, ((first + count - 1) / whole.OutputWidth) + 1);
            float[] rows = x[(firstRow * 7 * Channels)..(lastRow * 7 * Channels)];
            float[] found = new float[count * Channels];
            ConvolutionDepthwise.Apply(rows, whole with { FirstRow = firstRow }, weight, Channels, first, count, found);
            Assert.Equal(expected[(first * Channels)..((first + count) * Channels)], found);
        }
    }

    [Fact]
    public void Gather_EverySize_LaysOutWindows()
    {
        foreach (int kernel in s_kernels)
        {
            for (int stride = 1; stride <= 2; stride++)
            {
                foreach ((int height, int width) in s_sizes)
                {
                    Patches(new ConvolutionWindow(height, width, 0, kernel, stride), 3);
                }
            }
        }
    }

    [Theory]
    [InlineData(768, 3, 2, 384, 0)]
    [InlineData(192, 5, 2, 96, 1)]
    [InlineData(131, 3, 2, 66, 1)]
    [InlineData(131, 5, 2, 66, 2)]
    [InlineData(48, 5, 1, 48, 2)]
    [InlineData(1, 3, 2, 1, 1)]
    [InlineData(7, 1, 2, 4, 0)]
    public void Window_Same_PadsAsTensorFlow(int size, int kernel, int stride, int output, int before)
    {
        ConvolutionWindow window = new(size, size, 0, kernel, stride);
        Assert.Equal((output, output), (window.OutputHeight, window.OutputWidth));
        Assert.Equal((before, before), (window.Top, window.Left));
    }

    [Fact]
    public void Apply_TooShort_Throws()
    {
        ConvolutionWindow window = new(4, 4, 0, 3, 1);
        float[] x = new float[4 * 4 * 2], weight = new float[9 * 2], y = new float[16 * 2];
        Assert.Throws<ArgumentException>(() => ConvolutionDepthwise.Apply(x.AsSpan(1), window, weight, 2, 0, 16, y));
        Assert.Throws<ArgumentException>(() => ConvolutionDepthwise.Apply(x, window, weight.AsSpan(1), 2, 0, 16, y));
        Assert.Throws<ArgumentException>(() => ConvolutionDepthwise.Apply(x, window, weight, 2, 0, 16, y.AsSpan(1)));
        Assert.Throws<ArgumentException>(() => ConvolutionDepthwise.Apply(x, window with { FirstRow = 1 }, weight, 2, 0, 4, y));
        Assert.Throws<ArgumentOutOfRangeException>(() => ConvolutionDepthwise.Apply(x, window, weight, 2, 1, 16, y));
        Assert.Throws<ArgumentException>(() => ConvolutionPatches.Gather(x.AsSpan(1), window, 2, 0, 16, new float[16 * 18]));
        Assert.Throws<ArgumentException>(() => ConvolutionPatches.GatherPlanar(x.AsSpan(1), window, 2, 0, 16, new float[16 * 18]));
    }

    static void Depthwise(string width, ConvolutionWindow window, int channels)
    {
        Random random = new((window.Height * 1000) + channels);
        int k = window.Kernel, pixels = window.OutputHeight * window.OutputWidth;
        float[] x = Randoms.Singles(random, window.Height * window.Width * channels);
        float[] weight = Randoms.Singles(random, k * k * channels);
        float[] y = new float[(pixels * channels) + 1];
        y[^1] = 7;
        Apply(width, x, window, weight, channels, pixels, y);
        for (int p = 0; p < pixels; p++)
        {
            for (int c = 0; c < channels; c++)
            {
                double expected = 0, scale = 0;
                ForWindow(window, p, (position, pixel) =>
                {
                    double term = (double)x[(pixel * channels) + c] * weight[(position * channels) + c];
                    expected += term;
                    scale += Math.Abs(term);
                });
                Assert.True(
                    Math.Abs(y[(p * channels) + c] - expected) <= 1e-6 * scale,
                    $"{window}, {channels} channels, pixel {p}, channel {c}: {y[(p * channels) + c]} for {expected}");
            }
        }
        Assert.Equal(7, y[^1]);
    }

    static void Patches(ConvolutionWindow window, int channels)
    {
        int pixels = window.OutputHeight * window.OutputWidth, inputs = window.Height * window.Width;
        int length = window.Kernel * window.Kernel * channels;
        float[] x = Randoms.Singles(new Random(inputs), inputs * channels);
        float[] planar = new float[x.Length];
        for (int i = 0; i < x.Length; i++)
        {
            planar[(i % channels * inputs) + (i / channels)] = x[i];
        }
        float[] expected = new float[pixels * length];
        for (int p = 0; p < pixels; p++)
        {
            ForWindow(window, p, (position, pixel) =>
                x.AsSpan(pixel * channels, channels).CopyTo(expected.AsSpan((p * length) + (position * channels))));
        }
        float[] y = new float[expected.Length];
        Array.Fill(y, float.NaN);
        ConvolutionPatches.Gather(x, window, channels, 0, pixels, y);
        Assert.Equal(expected, y);
        Array.Fill(y, float.NaN);
        ConvolutionPatches.GatherPlanar(planar, window, channels, 0, pixels, y);
        Assert.Equal(expected, y);
    }

    /// <summary>Every kernel position and the input pixel under it, by the definition of "same" padding.</summary>
    static void ForWindow(ConvolutionWindow window, int pixel, Action<int, int> visit)
    {
        int top = Before(window.Height, window), left = Before(window.Width, window);
        int outputWidth = (window.Width + window.Stride - 1) / window.Stride;
        for (int ky = 0; ky < window.Kernel; ky++)
        {
            for (int kx = 0; kx < window.Kernel; kx++)
            {
                int row = (pixel / outputWidth * window.Stride) + ky - top;
                int column = (pixel % outputWidth * window.Stride) + kx - left;
                if (row >= 0 && row < window.Height && column >= 0 && column < window.Width)
                {
                    visit((ky * window.Kernel) + kx, (row * window.Width) + column);
                }
            }
        }
    }

    static int Before(int size, ConvolutionWindow window)
    {
        int output = (size + window.Stride - 1) / window.Stride;
        return Math.Max(0, ((output - 1) * window.Stride) + window.Kernel - size) / 2;
    }

    static void Apply(string width, float[] x, ConvolutionWindow window, float[] weight, int channels, int pixels, float[] y) =>
        Widths.Run(width, new ConvolutionDepthwise.Kernel(x, window, weight, channels, 0, pixels, y));
}
