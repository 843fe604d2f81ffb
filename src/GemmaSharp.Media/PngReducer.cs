using System.Buffers.Binary;
using System.IO.Compression;

namespace GemmaSharp.Media;

/// <summary>
/// Decodes a PNG row by row into means of boxes, so that a picture of hundreds of megapixels needs no more memory than what is kept of it.
/// Every colour type, bit depth, transparency and interlacing; 16 bits by their high byte.
/// </summary>
/// <remarks>Source: PNG specification, third edition: §9 filters, §8.2 interlacing, §11.2–11.3 chunks.</remarks>
internal sealed class PngReducer
{
    static readonly (int X, int Y, int StepX, int StepY)[] s_whole = [(0, 0, 1, 1)];
    static readonly (int X, int Y, int StepX, int StepY)[] s_interlaced =
        [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];

    readonly string _name;
    readonly AlphaMode _alpha;
    readonly int _width, _height, _depth, _colour, _channels;
    readonly bool _isInterlaced;
    readonly byte[] _palette, _paletteAlpha;
    readonly int[]? _key;

    PngReducer(ReadOnlySpan<byte> png, string name, AlphaMode alpha)
    {
        (_name, _alpha, _palette, _paletteAlpha) = (name, alpha, [], []);
        for (PngChunks chunks = new(png); chunks.Next() && !chunks.Type.SequenceEqual("IDAT"u8);)
        {
            ReadOnlySpan<byte> data = chunks.Data;
            if (chunks.Type.SequenceEqual("IHDR"u8) && data.Length >= 13)
            {
                _width = BinaryPrimitives.ReadInt32BigEndian(data);
                _height = BinaryPrimitives.ReadInt32BigEndian(data[4..]);
                (_depth, _colour, _isInterlaced) = (data[8], data[9], data[12] != 0);
            }
            else if (chunks.Type.SequenceEqual("PLTE"u8))
            {
                _palette = data.ToArray();
            }
            else if (chunks.Type.SequenceEqual("tRNS"u8))
            {
                _paletteAlpha = data.ToArray();
                _key = data.Length >= 6 ? [Word(data), Word(data[2..]), Word(data[4..])] : data.Length >= 2 ? [Word(data), Word(data), Word(data)] : null;
            }
        }

        _channels = _colour switch { 0 or 3 => 1, 2 => 3, 4 => 2, 6 => 4, _ => 0 };
        if (_channels == 0 || _width < 1 || _height < 1 || !(_depth is 8 || (_depth == 16 && _colour != 3) || (_depth is 1 or 2 or 4 && _colour is 0 or 3)))
        {
            throw new MediaException($"{name} is a PNG of colour type {_colour} with {_depth} bits, and there is no such kind; save it anew.");
        }

        static int Word(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt16BigEndian(bytes);
    }

    /// <summary>Decodes.</summary>
    /// <param name="png">The whole file.</param>
    /// <param name="factor">How many columns and rows become one.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="alpha">What becomes of transparency.</param>
    /// <exception cref="MediaException">The file is cut off or damaged.</exception>
    public static RgbImage Decode(ReadOnlyMemory<byte> png, int factor, string name, AlphaMode alpha)
    {
        PngReducer reducer = new(png.Span, name, alpha);
        using ZLibStream pixels = new(new PngDataStream(png), CompressionMode.Decompress);
        return reducer.Decode(pixels, factor);
    }

    RgbImage Decode(Stream pixels, int factor)
    {
        BoxAverage means = new(_width, _height, factor);
        foreach ((int firstX, int firstY, int stepX, int stepY) in _isInterlaced ? s_interlaced : s_whole)
        {
            int columns = (_width - firstX + stepX - 1) / stepX, rows = (_height - firstY + stepY - 1) / stepY;
            if (columns < 1 || rows < 1)
            {
                continue;
            }

            int bits = _depth * _channels, distance = Math.Max(1, bits / 8);
            byte[] row = new byte[(((long)columns * bits) + 7) / 8], above = new byte[row.Length], rgb = new byte[3 * columns];
            for (int y = 0; y < rows; y++)
            {
                (row, above) = (above, row);
                Unfilter(ReadRow(pixels, row), row, above, distance);
                ToRgb(row, rgb);
                if (stepX == 1)
                {
                    means.AddRow(firstY + (y * stepY), rgb);
                    continue;
                }

                for (int x = 0; x < columns; x++)
                {
                    means.Add(firstX + (x * stepX), firstY + (y * stepY), rgb[3 * x], rgb[(3 * x) + 1], rgb[(3 * x) + 2]);
                }
            }
        }

        return means.ToImage();
    }

    /// <summary>Reads a row and returns the filter by which it is stored.</summary>
    int ReadRow(Stream pixels, byte[] row)
    {
        try
        {
            int filter = pixels.ReadByte();
            return filter >= 0 && PcmStream.Fill(pixels, row) == row.Length ? filter
                : throw new MediaException($"{_name} ends in the middle of its PNG picture and the whole is needed; copy or download the file again.");
        }
        catch (InvalidDataException)
        {
            throw Damaged("what is compressed cannot be read");
        }
    }

    void Unfilter(int filter, Span<byte> row, ReadOnlySpan<byte> above, int distance)
    {
        switch (filter)
        {
            case 0:
                break;
            case 1:
                for (int i = distance; i < row.Length; i++)
                {
                    row[i] += row[i - distance];
                }

                break;
            case 2:
                for (int i = 0; i < row.Length; i++)
                {
                    row[i] += above[i];
                }

                break;
            case 3:
                for (int i = 0; i < row.Length; i++)
                {
                    row[i] += (byte)(((i < distance ? 0 : row[i - distance]) + above[i]) / 2);
                }

                break;
            case 4:
                for (int i = 0; i < row.Length; i++)
                {
                    row[i] += i < distance ? above[i] : Paeth(row[i - distance], above[i], above[i - distance]);
                }

                break;
            default:
                throw Damaged($"a row has filter {filter} and 4 is the last");
        }
    }

    static byte Paeth(int left, int above, int corner)
    {
        int estimate = left + above - corner;
        int toLeft = Math.Abs(estimate - left), toAbove = Math.Abs(estimate - above), toCorner = Math.Abs(estimate - corner);
        return (byte)(toLeft <= toAbove && toLeft <= toCorner ? left : toAbove <= toCorner ? above : corner);
    }

    void ToRgb(ReadOnlySpan<byte> row, Span<byte> rgb)
    {
        int bytes = _depth == 16 ? 2 : 1, step = bytes * _channels;
        for (int to = 0, x = 0; to < rgb.Length; to += 3, x++)
        {
            int red, green, blue, alpha = 255;
            if (_colour == 3)
            {
                int index = Sample(row, x);
                bool isKnown = (3 * index) + 2 < _palette.Length;
                (red, green, blue) = isKnown ? (_palette[3 * index], _palette[(3 * index) + 1], _palette[(3 * index) + 2]) : ((byte)0, (byte)0, (byte)0);
                alpha = index < _paletteAlpha.Length ? _paletteAlpha[index] : 255;
            }
            else if (_depth < 8)
            {
                int value = Sample(row, x);
                alpha = _key is not null && value == _key[0] ? 0 : 255;
                red = green = blue = value * 255 / ((1 << _depth) - 1);
            }
            else
            {
                ReadOnlySpan<byte> pixel = row.Slice(step * x, step);
                red = pixel[0];
                green = _channels >= 3 ? pixel[bytes] : red;
                blue = _channels >= 3 ? pixel[2 * bytes] : red;
                alpha = _channels is 2 or 4 ? pixel[step - bytes] : IsKey(pixel, bytes) ? 0 : 255;
            }

            alpha = _alpha == AlphaMode.Reference ? 255 : alpha;
            rgb[to] = Alpha.OverWhite(red, alpha);
            rgb[to + 1] = Alpha.OverWhite(green, alpha);
            rgb[to + 2] = Alpha.OverWhite(blue, alpha);
        }
    }

    /// <summary>The n-th sample of a row of one channel with at most 8 bits.</summary>
    int Sample(ReadOnlySpan<byte> row, int x)
    {
        int bit = x * _depth;
        return (row[bit >> 3] >> (8 - _depth - (bit & 7))) & ((1 << _depth) - 1);
    }

    bool IsKey(ReadOnlySpan<byte> pixel, int bytes)
    {
        if (_key is null)
        {
            return false;
        }

        for (int channel = 0; channel < _channels; channel++)
        {
            ReadOnlySpan<byte> sample = pixel.Slice(channel * bytes, bytes);
            if (_key[channel] != (bytes == 2 ? BinaryPrimitives.ReadUInt16BigEndian(sample) : sample[0]))
            {
                return false;
            }
        }

        return true;
    }

    MediaException Damaged(string what) =>
        new($"{_name} begins as a PNG picture but its data is damaged ({what}); open it in an image program and save it anew.");
}
