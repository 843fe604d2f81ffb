namespace GemmaSharp.Media;

/// <summary>What the sides in a picture's header are held against before any memory is taken for them.</summary>
internal static class ImageLimits
{
    // Three bytes per pixel must fit an array, and four per pixel a native bitmap's 32-bit size.
    const long HardLimit = int.MaxValue / 4;

    public static void Check(long width, long height, string name, MediaOptions options)
    {
        if (width < 1 || height < 1)
        {
            throw new MediaException($"{name} is {width}×{height} pixels; a picture has at least one column and one row: save it anew.");
        }

        long most = Math.Min(options.MaxPixels, HardLimit);
        if (width > most || height > most || width * height > most)
        {
            string advice = options.MaxPixels < HardLimit ? "make it smaller or raise MaxPixels (--max-pixels)" : "make it smaller";
            throw new MediaException($"{name} is {width}×{height} pixels and {most} pixels are allowed; {advice}.");
        }
    }

    /// <summary>Refuses what is held whole and too large for it, because its format cannot be decoded reduced, or not by so much.</summary>
    public static void CheckWhole(long width, long height, string name)
    {
        if (width * height > Reduction.MostWhole)
        {
            throw new MediaException(
                $"{name} would be {width}×{height} pixels even where it is decoded reduced, and {Reduction.MostWhole} pixels are the most; make it smaller.");
        }
    }

    public static MediaException NoMemory(int width, int height, string name) =>
        new($"{name} is {width}×{height} pixels, for which there is not enough memory; make it smaller.");
}
