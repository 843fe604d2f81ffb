namespace GemmaSharp;

/// <summary>A picture as the model takes it: 8 bits per channel, red, green and blue interleaved, rows from the top.</summary>
/// <remarks>Immutable as long as nobody writes into <see cref="Pixels"/>; may then be read from any thread.</remarks>
public sealed record RgbImage
{
    /// <summary>Wraps pixels without copying them.</summary>
    /// <param name="Width">Columns, at least 1.</param>
    /// <param name="Height">Rows, at least 1.</param>
    /// <param name="Pixels"><c>[Height, Width, 3]</c>, exactly <c>Width · Height · 3</c> bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">A side is not positive.</exception>
    /// <exception cref="ArgumentException"><paramref name="Pixels"/> is not as long as the sides say.</exception>
    public RgbImage(int Width, int Height, byte[] Pixels)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(Width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(Height);
        ArgumentNullException.ThrowIfNull(Pixels);
        Int128 needed = (Int128)3 * Width * Height;
        if (Pixels.LongLength != needed)
        {
            throw new ArgumentException(
                $"Pixels has {Pixels.LongLength} bytes, a {Width}×{Height} RGB picture has {needed}; pass red, green and blue of every pixel, rows from the "
                    + $"top.",
                nameof(Pixels));
        }

        this.Width = Width;
        this.Height = Height;
        this.Pixels = Pixels;
    }

    /// <summary>Columns.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>Red, green and blue of every pixel, <c>[Height, Width, 3]</c>.</summary>
    public byte[] Pixels { get; }

    /// <summary>The three values of one pixel.</summary>
    /// <param name="x">Column, from 0 at the left.</param>
    /// <param name="y">Row, from 0 at the top.</param>
    /// <exception cref="ArgumentOutOfRangeException">The pixel lies outside the picture.</exception>
    public (byte Red, byte Green, byte Blue) this[int x, int y]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)x, (uint)Width, nameof(x));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)y, (uint)Height, nameof(y));
            int index = 3 * ((y * Width) + x);
            return (Pixels[index], Pixels[index + 1], Pixels[index + 2]);
        }
    }
}
