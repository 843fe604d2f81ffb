using GemmaSharp.Configuration;

namespace GemmaSharp.Prompting.Pictures;

/// <summary>Brings a picture to the size and range that the vision tower was trained on, as the checkpoint's processor does.</summary>
/// <remarks>Aspect ratio is not kept, nothing is cropped or padded. Source: the SigLIP image processor of transformers. Immutable, thread-safe.</remarks>
sealed class ImageProcessor(ImageProcessorConfig config, int? side)
{
    /// <summary>The size that a picture is brought to, or its own when the processor does not resize.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="own">The side that is wanted for this one; null for what is wanted for all.</param>
    public (int Height, int Width) Size(RgbImage image, int? own = null) =>
        (own ?? side) is int s ? (s, s) : config.DoResize ? (config.Height, config.Width) : (image.Height, image.Width);

    /// <summary>Resizes alone.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="height">Rows of the result, as of <see cref="Size"/>.</param>
    /// <param name="width">Columns of the result.</param>
    public RgbImage Resize(RgbImage image, int height, int width)
    {
        const int Bicubic = 3;
        return PictureResize.Resize(
            image, width, height, config.Resample == Bicubic ? ResizeFilter.Bicubic : ResizeFilter.Bilinear, ResizeArithmetic.Torch);
    }

    /// <summary>Resizes, rescales and normalises.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="height">Rows of the result, as of <see cref="Size"/>.</param>
    /// <param name="width">Columns of the result.</param>
    /// <returns>Planes of red, green and blue, <c>[3, h, w]</c>.</returns>
    public float[] Process(RgbImage image, int height, int width)
    {
        RgbImage resized = Resize(image, height, width);
        int plane = height * width;
        float[] pixels = new float[3 * plane];
        Span<float> levels = stackalloc float[256];
        for (int c = 0; c < 3; c++)
        {
            for (int v = 0; v < levels.Length; v++)
            {
                double level = config.DoRescale ? (float)(v * config.RescaleFactor) : v;
                levels[v] = (float)(config.DoNormalize ? (level - config.ImageMean[c]) / config.ImageStd[c] : level);
            }

            for (int i = 0; i < plane; i++)
            {
                pixels[(c * plane) + i] = levels[resized.Pixels[(3 * i) + c]];
            }
        }

        return pixels;
    }
}
