namespace GemmaSharp.Media;

/// <summary>Pictures too large to be held whole: by how much they are made smaller while they are decoded, and how.</summary>
/// <remarks>The model sees 768×768, so that nothing is lost which it could see. Pictures of up to <see cref="MostWhole"/> pixels are never reduced.</remarks>
internal static class Reduction
{
    /// <summary>The most pixels that are decoded in full size.</summary>
    public const long MostWhole = 64L << 20;

    // Twice what the model sees, so that the resize to that still has two values for each of its own.
    const int LeastSide = 1536;

    /// <summary>How many columns and rows become one: 1 up to <see cref="MostWhole"/> pixels.</summary>
    public static int Factor(int width, int height)
    {
        if ((long)width * height <= MostWhole)
        {
            return 1;
        }

        int factor = Math.Max(2, Math.Min(width, height) / LeastSide);
        while ((long)Side(width, factor) * Side(height, factor) > MostWhole)
        {
            factor++;
        }

        return factor;
    }

    /// <summary>A side after the reduction; what does not fill a box at the end is one more.</summary>
    public static int Side(int side, int factor) => (side + factor - 1) / factor;
}
