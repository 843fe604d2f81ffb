using GemmaSharp.Layers;

namespace GemmaSharp.Model.Vision;

/// <summary>A map of pixels, NHWC: <c>[height, width, channels]</c>, or some lines of one.</summary>
/// <param name="pixels">The pixels at hand, line by line.</param>
/// <param name="height">Lines of the whole map.</param>
/// <param name="width">Pixels of a line.</param>
/// <param name="firstLine">Line of the whole map that <paramref name="pixels"/> begin with.</param>
readonly struct FeatureMap(Rows pixels, int height, int width, int firstLine = 0)
{
    /// <summary>The pixels at hand, <c>[pixels, C]</c>.</summary>
    public Rows Pixels => pixels;

    /// <summary>Lines of the whole map.</summary>
    public int Height => height;

    /// <summary>Pixels of a line.</summary>
    public int Width => width;

    /// <summary>Values of a pixel.</summary>
    public int Channels => pixels.Width;

    /// <summary>Line of the whole map with which the pixels at hand begin.</summary>
    public int FirstLine => firstLine;

    /// <summary>All pixels of the whole map.</summary>
    public PixelRange All => Lines(0, height);

    /// <summary>Some of the pixels at hand, <c>[range, C]</c>.</summary>
    public Rows this[PixelRange range] => pixels.Slice(range.First - (firstLine * width), range.Count);

    /// <summary>One pixel of a whole map, <c>[C]</c>.</summary>
    public ReadOnlySpan<float> this[int line, int column] => pixels[(line * width) + column];

    /// <summary>The pixels of lines <paramref name="first"/> … <paramref name="end"/> − 1 of the whole map.</summary>
    public PixelRange Lines(int first, int end) => new(first * width, (end - first) * width);

    /// <summary>The same memory from a later line on; what is known of it, up to line <paramref name="end"/> − 1, moves to the front.</summary>
    public FeatureMap MoveTo(int line, int end)
    {
        var moved = new FeatureMap(pixels, height, width, line);
        if (end > line)
        {
            this[Lines(line, end)].Span.CopyTo(moved[Lines(line, end)].Span);
        }

        return moved;
    }
}
