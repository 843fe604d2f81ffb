namespace GemmaSharp.Media;

/// <summary>Makes a picture smaller while its pixels come, in any order: each value is the mean of a box of <c>factor × factor</c>, rounded.</summary>
internal sealed class BoxAverage(int width, int height, int factor)
{
    readonly int _columns = Reduction.Side(width, factor);
    readonly uint[] _sums = new uint[3 * Reduction.Side(width, factor) * Reduction.Side(height, factor)];

    /// <summary>Adds one pixel.</summary>
    public void Add(int x, int y, byte red, byte green, byte blue)
    {
        int index = 3 * ((y / factor * _columns) + (x / factor));
        _sums[index] += red;
        _sums[index + 1] += green;
        _sums[index + 2] += blue;
    }

    /// <summary>Adds a row of the picture.</summary>
    /// <param name="y">Which.</param>
    /// <param name="rgb"><c>[width, 3]</c>.</param>
    public void AddRow(int y, ReadOnlySpan<byte> rgb)
    {
        Span<uint> sums = _sums.AsSpan(3 * (y / factor) * _columns, 3 * _columns);
        for (int x = 0, from = 0, to = 0; x < _columns; x++, to += 3)
        {
            for (int end = Math.Min(from + (3 * factor), rgb.Length); from < end; from += 3)
            {
                sums[to] += rgb[from];
                sums[to + 1] += rgb[from + 1];
                sums[to + 2] += rgb[from + 2];
            }
        }
    }

    /// <summary>The picture of means, once every pixel was added.</summary>
    public RgbImage ToImage()
    {
        int rows = _sums.Length / (3 * _columns);
        byte[] pixels = new byte[_sums.Length];
        for (int i = 0; i < pixels.Length; i++)
        {
            int column = i / 3 % _columns, row = i / (3 * _columns);
            uint count = (uint)(Math.Min(factor, width - (column * factor)) * Math.Min(factor, height - (row * factor)));
            pixels[i] = (byte)((_sums[i] + (count / 2)) / count);
        }

        return new RgbImage(_columns, rows, pixels);
    }
}
