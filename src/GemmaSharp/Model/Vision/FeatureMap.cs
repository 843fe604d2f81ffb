namespace GemmaSharp.Model.Vision;

/// <summary>Some or all rows of a feature map, NHWC: <c>[rows, width, channels]</c>.</summary>
/// <param name="values">The rows at hand.</param>
/// <param name="height">Rows of the whole map.</param>
/// <param name="width">Columns of the map.</param>
/// <param name="channels">Values of a pixel.</param>
/// <param name="firstRow">Row of the whole map that <paramref name="values"/> begin with.</param>
readonly ref struct FeatureMap(Span<float> values, int height, int width, int channels, int firstRow = 0)
{
    public Span<float> Values { get; } = values;

    public int Height { get; } = height;

    public int Width { get; } = width;

    public int Channels { get; } = channels;

    public int FirstRow { get; } = firstRow;

    /// <summary>Pixels of the whole map.</summary>
    public int Pixels => Height * Width;

    /// <summary>The values of a range of pixels, counted row by row over the whole map.</summary>
    public Span<float> this[PixelRange range] =>
        Values.Slice((range.First - (FirstRow * Width)) * Channels, range.Count * Channels);
}
