using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Layers;

/// <summary>Activations <c>[Count, Width]</c> in the scratch memory of a <see cref="Pass"/>, row after row.</summary>
/// <remarks>
/// A view, like a span, but one that may be captured and kept across a <c>yield</c>. Valid until the scope it was taken in ends
/// (<see cref="Pass.Enter(string)"/>).
/// </remarks>
readonly struct Rows
{
    readonly Floats _values;

    /// <summary>Views values as rows.</summary>
    /// <exception cref="ArgumentException">They are not <paramref name="count"/> rows of <paramref name="width"/>.</exception>
    public Rows(Floats values, int count, int width)
    {
        if (values.Length != (long)count * width)
        {
            throw new ArgumentException($"{values.Length} values are no {count} rows of {width}.", nameof(values));
        }

        _values = values;
        Count = count;
        Width = width;
    }

    /// <summary>Number of rows.</summary>
    public int Count { get; }

    /// <summary>Values of a row.</summary>
    public int Width { get; }

    /// <summary>All values, <c>[Count, Width]</c>.</summary>
    /// <exception cref="OverflowException">There are more than a span holds.</exception>
    public Span<float> Span => _values.Span;

    /// <summary>One row, <c>[Width]</c>.</summary>
    public Span<float> this[int row] => _values.Slice((long)row * Width, Width).Span;

    /// <summary>Some of the rows, in place.</summary>
    public Rows Slice(int first, int count) => new(_values.Slice((long)first * Width, (long)count * Width), count, Width);

    /// <summary>The same values in rows of another width: <c>[T, H·D]</c> as <c>[T·H, D]</c>.</summary>
    public Rows Reshape(int width) => new(_values, checked((int)(_values.Length / width)), width);
}

/// <summary>Several residual streams side by side, <c>[Count, T, C]</c>.</summary>
readonly struct Streams(Floats values, int count, int rows, int width)
{
    /// <summary>Number of streams, A.</summary>
    public int Count => count;

    /// <summary>Rows of each, T.</summary>
    public int RowCount => rows;

    /// <summary>All values, <c>[A, T, C]</c>.</summary>
    public Span<float> Span => values.Span;

    /// <summary>One stream, <c>[T, C]</c>.</summary>
    public Rows this[int index] => new(values.Slice((long)index * rows * width, (long)rows * width), rows, width);
}
