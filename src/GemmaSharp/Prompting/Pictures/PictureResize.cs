namespace GemmaSharp.Prompting.Pictures;

/// <summary>
/// Resizes pictures exactly as Pillow's <c>Image.resize</c> or PyTorch's antialiased <c>interpolate</c> does: a filter in two passes over 8-bit values,
/// with integer coefficients.
/// </summary>
/// <remarks>
/// Sources: Pillow, <c>src/libImaging/Resample.c</c>; PyTorch, <c>UpSampleKernelAVXAntialias.h</c>. All arithmetic after the coefficients is integer, so the
/// result is the same on every machine. Thread-safe.
/// </remarks>
static class PictureResize
{
    /// <summary>The picture at another size. The sides change independently; nothing is cropped or padded.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="width">Columns of the result, at least 1.</param>
    /// <param name="height">Rows of the result, at least 1.</param>
    /// <param name="filter">How pixels are weighed.</param>
    /// <param name="arithmetic">Whose rounding.</param>
    /// <returns>A new picture, or <paramref name="image"/> itself where both sides already fit.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A side is not positive, or the filter is not known.</exception>
    public static RgbImage Resize(
        RgbImage image, int width, int height, ResizeFilter filter = ResizeFilter.Bilinear, ResizeArithmetic arithmetic = ResizeArithmetic.Pillow)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        if (width == image.Width && height == image.Height)
        {
            return image;
        }

        byte[] pixels = Resize(image.Pixels, image.Width, image.Height, channels: 3, width, height, filter, arithmetic);
        return new RgbImage(width, height, pixels);
    }

    /// <summary>Resizes <c>[height, width, channels]</c> to <c>[newHeight, newWidth, channels]</c>.</summary>
    internal static byte[] Resize(
        byte[] pixels, int width, int height, int channels, int newWidth, int newHeight, ResizeFilter filter,
            ResizeArithmetic arithmetic = ResizeArithmetic.Pillow)
    {
        bool verticalFirst = arithmetic == ResizeArithmetic.Pillow && IsVerticalFirst(width, height, newWidth, newHeight);
        for (int pass = 0; pass < 2; pass++)
        {
            if ((pass == 0) == verticalFirst)
            {
                pixels = Vertical(pixels, width * channels, height, newHeight, filter, arithmetic);
                height = newHeight;
            }
            else
            {
                pixels = Horizontal(pixels, width, height, channels, newWidth, filter, arithmetic);
                width = newWidth;
            }
        }

        return pixels;
    }

    /// <summary>
    /// Whether columns are filtered before rows: only where the height shrinks and the width is kept clearly better.
    /// </summary>
    /// <remarks>
    /// Up to version 12 Pillow always began with the rows. Version 13 begins with the columns where that saves work, and its
    /// outputs differ by one level in places, because the values between the passes are rounded to 8 bits. A tenth is the
    /// round number between the cases recorded from version 13: 0.06 keeps the old order, 0.17 takes the new one.
    /// </remarks>
    internal static bool IsVerticalFirst(int width, int height, int newWidth, int newHeight) =>
        newHeight < height && ((double)newWidth / width) - ((double)newHeight / height) > 0.1;

    static byte[] Horizontal(byte[] source, int width, int height, int channels, int newWidth, ResizeFilter filter, ResizeArithmetic arithmetic)
    {
        if (newWidth == width)
        {
            return source;
        }

        ResizeCoefficients coefficients = new(width, newWidth, filter, arithmetic);
        byte[] destination = new byte[checked(height * newWidth * channels)];
        for (int y = 0; y < height; y++)
        {
            ReadOnlySpan<byte> row = source.AsSpan(y * width * channels, width * channels);
            Span<byte> to = destination.AsSpan(y * newWidth * channels, newWidth * channels);
            if (channels == 3)
            {
                HorizontalRgb(row, coefficients, to);
            }
            else
            {
                HorizontalAny(row, channels, coefficients, to);
            }
        }

        return destination;
    }

    static void HorizontalRgb(ReadOnlySpan<byte> row, ResizeCoefficients coefficients, Span<byte> destination)
    {
        for (int x = 0; x < coefficients.Count; x++)
        {
            ReadOnlySpan<int> weights = coefficients.Weights(x);
            ReadOnlySpan<byte> window = row.Slice(3 * coefficients.First(x), 3 * weights.Length);
            int red = coefficients.Half, green = red, blue = red;
            for (int j = 0, p = 0; j < weights.Length && p + 2 < window.Length; j++, p += 3)
            {
                int weight = weights[j];
                red += window[p] * weight;
                green += window[p + 1] * weight;
                blue += window[p + 2] * weight;
            }

            destination[3 * x] = coefficients.Clip(red);
            destination[(3 * x) + 1] = coefficients.Clip(green);
            destination[(3 * x) + 2] = coefficients.Clip(blue);
        }
    }

    static void HorizontalAny(ReadOnlySpan<byte> row, int channels, ResizeCoefficients coefficients, Span<byte> destination)
    {
        for (int x = 0; x < coefficients.Count; x++)
        {
            ReadOnlySpan<int> weights = coefficients.Weights(x);
            for (int channel = 0; channel < channels; channel++)
            {
                int sum = coefficients.Half;
                for (int j = 0; j < weights.Length; j++)
                {
                    sum += row[((coefficients.First(x) + j) * channels) + channel] * weights[j];
                }

                destination[(x * channels) + channel] = coefficients.Clip(sum);
            }
        }
    }

    static byte[] Vertical(byte[] source, int stride, int height, int newHeight, ResizeFilter filter, ResizeArithmetic arithmetic)
    {
        if (newHeight == height)
        {
            return source;
        }

        ResizeCoefficients coefficients = new(height, newHeight, filter, arithmetic);
        byte[] destination = new byte[checked(newHeight * stride)];
        int[] sums = new int[stride];
        for (int y = 0; y < newHeight; y++)
        {
            ReadOnlySpan<int> weights = coefficients.Weights(y);
            sums.AsSpan().Fill(coefficients.Half);
            for (int j = 0; j < weights.Length; j++)
            {
                ReadOnlySpan<byte> row = source.AsSpan((coefficients.First(y) + j) * stride, stride);
                Span<int> sum = sums.AsSpan(0, row.Length);
                int weight = weights[j];
                for (int x = 0; x < row.Length; x++)
                {
                    sum[x] += row[x] * weight;
                }
            }

            Span<byte> to = destination.AsSpan(y * stride, stride);
            for (int x = 0; x < to.Length; x++)
            {
                to[x] = coefficients.Clip(sums[x]);
            }
        }

        return destination;
    }
}

/// <summary>How pixels are weighed when a picture changes size. The numbers are those of <c>resample</c> in <c>preprocessor_config.json</c>.</summary>
enum ResizeFilter
{
    /// <summary>A triangle: <c>1 − |t|</c> for <c>|t| &lt; 1</c>.</summary>
    Bilinear = 2,

    /// <summary>Keys' cubic with <c>a = −0.5</c>, zero from <c>|t| = 2</c> on.</summary>
    Bicubic = 3,
}

/// <summary>Whose integer arithmetic a picture is resized with. The filters are the same; a few pixels differ by one level.</summary>
enum ResizeArithmetic
{
    /// <summary>Pillow's: weights of 22 fraction bits.</summary>
    Pillow,

    /// <summary>PyTorch's for 8-bit pictures: weights of 16 bits, as many of them fraction bits as the largest weight leaves. What the reference's processors
    /// use.</summary>
    Torch,
}
