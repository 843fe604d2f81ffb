namespace GemmaSharp.Configuration;

/// <summary>How a picture becomes pixel values. The defaults are the published checkpoint's.</summary>
sealed record ImageProcessorConfig
{
    /// <summary>Whether pictures are resized to <see cref="Height"/> × <see cref="Width"/>.</summary>
    public bool DoResize { get; init; } = true;

    /// <summary>Rows after resizing.</summary>
    public int Height { get; init; } = 768;

    /// <summary>Columns after resizing.</summary>
    public int Width { get; init; } = 768;

    /// <summary>Pillow's filter number: 2 bilinear, 3 bicubic.</summary>
    public int Resample { get; init; } = 2;

    /// <summary>Whether bytes are multiplied by <see cref="RescaleFactor"/>.</summary>
    public bool DoRescale { get; init; } = true;

    /// <summary>Factor on bytes, 1/255.</summary>
    public double RescaleFactor { get; init; } = 1.0 / 255;

    /// <summary>Whether <c>(x − mean) / deviation</c> follows.</summary>
    public bool DoNormalize { get; init; }

    /// <summary>Mean per channel, <c>[3]</c>.</summary>
    public IReadOnlyList<double> ImageMean { get; init; } = [0.5, 0.5, 0.5];

    /// <summary>Deviation per channel, <c>[3]</c>.</summary>
    public IReadOnlyList<double> ImageStd { get; init; } = [0.5, 0.5, 0.5];

    internal static ImageProcessorConfig Read(JsonFields image)
    {
        (int height, int width) = ReadSize(image);
        return new ImageProcessorConfig
        {
            DoResize = image.Bool("do_resize", true),
            Height = height,
            Width = width,
            Resample = image.Int("resample", 2, 2, 3),
            DoRescale = image.Bool("do_rescale", true),
            RescaleFactor = image.Number("rescale_factor", 1.0 / 255, 1e-12, 1e6),
            DoNormalize = image.Bool("do_normalize", false),
            ImageMean = Triple(image, "image_mean", -1e6),
            ImageStd = Triple(image, "image_std", 1e-12),
        };
    }

    static (int Height, int Width) ReadSize(JsonFields image)
    {
        if (image.Raw("size") is { ValueKind: System.Text.Json.JsonValueKind.Number })
        {
            int side = image.Int("size", 768, 16, 8192);
            return (side, side);
        }

        JsonFields size = image.Section("size");
        return (size.Int("height", 768, 16, 8192), size.Int("width", 768, 16, 8192));
    }

    static double[] Triple(JsonFields image, string key, double min)
    {
        double[] values = image.Numbers(key, min, 1e6, 3) ?? [0.5, 0.5, 0.5];
        return values.Length == 3 ? values : throw image.Refuse(key, "a list of 3 numbers");
    }
}
