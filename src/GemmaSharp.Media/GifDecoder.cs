using System.Buffers.Binary;

namespace GemmaSharp.Media;

/// <summary>
/// Decodes the first frame of a GIF. Transparent pixels, and what the frame leaves of the screen, are white; or, as in Pillow, the former keep their palette
/// colour, where Skia makes them black, and the latter get the transparent colour, or colour 0.
/// </summary>
/// <remarks>Source: GIF89a specification; Pillow <c>GifImagePlugin.py</c>.</remarks>
internal ref struct GifDecoder
{
    const int MaxCodes = 4096;

    readonly ReadOnlySpan<byte> _bytes;
    readonly string _name;
    readonly MediaOptions _options;
    int _position;

    GifDecoder(ReadOnlySpan<byte> bytes, string name, MediaOptions options)
    {
        _bytes = bytes;
        _name = name;
        _options = options;
    }

    public static RgbImage Decode(ReadOnlySpan<byte> bytes, string name, MediaOptions options) =>
        new GifDecoder(bytes, name, options).Decode();

    RgbImage Decode()
    {
        ReadOnlySpan<byte> screen = Take(13);
        int width = BinaryPrimitives.ReadUInt16LittleEndian(screen[6..]);
        int height = BinaryPrimitives.ReadUInt16LittleEndian(screen[8..]);
        ReadOnlySpan<byte> palette = Palette(screen[10]);
        int? transparent = null;
        while (true)
        {
            byte block = Take(1)[0];
            if (block == 0x21)
            {
                bool isControl = Take(1)[0] == 0xF9;
                for (ReadOnlySpan<byte> data = SubBlock(); data.Length > 0; data = SubBlock())
                {
                    if (isControl && data.Length >= 4 && (data[0] & 1) != 0)
                    {
                        transparent = data[3];
                    }
                }
            }
            else if (block == 0x2C)
            {
                return Frame(width, height, palette, transparent);
            }
            else if (block == 0x3B)
            {
                throw new MediaException($"{_name} is a GIF without a frame; a picture needs at least one: save it anew.");
            }
        }
    }

    RgbImage Frame(int width, int height, ReadOnlySpan<byte> palette, int? transparent)
    {
        ReadOnlySpan<byte> descriptor = Take(9);
        int left = BinaryPrimitives.ReadUInt16LittleEndian(descriptor);
        int top = BinaryPrimitives.ReadUInt16LittleEndian(descriptor[2..]);
        int frameWidth = BinaryPrimitives.ReadUInt16LittleEndian(descriptor[4..]);
        int frameHeight = BinaryPrimitives.ReadUInt16LittleEndian(descriptor[6..]);
        width = Math.Max(width, left + frameWidth);
        height = Math.Max(height, top + frameHeight);
        ImageLimits.Check(width, height, _name, _options);
        ImageLimits.CheckWhole(width, height, _name);

        ReadOnlySpan<byte> local = Palette(descriptor[8]);
        palette = local.IsEmpty ? palette : local;
        byte[] indices = Indices(checked(frameWidth * frameHeight));

        byte[] pixels = new byte[3 * width * height];
        bool isWhite = _options.Alpha == AlphaMode.White;
        if (isWhite)
        {
            Array.Fill(pixels, byte.MaxValue);
        }
        else if (transparent > 0 || !palette.IsEmpty)
        {
            for (int i = 0; i < pixels.Length; i += 3)
            {
                Colour(palette, transparent ?? 0).CopyTo(pixels.AsSpan(i));
            }
        }

        bool isInterlaced = (descriptor[8] & 0x40) != 0;
        for (int row = 0; row < frameHeight; row++)
        {
            int y = top + (isInterlaced ? Interlaced(row, frameHeight) : row);
            Span<byte> to = pixels.AsSpan(3 * ((y * width) + left), 3 * frameWidth);
            for (int x = 0; x < frameWidth; x++)
            {
                int index = indices[(row * frameWidth) + x];
                if (!isWhite || index != transparent)
                {
                    Colour(palette, index).CopyTo(to[(3 * x)..]);
                }
            }
        }

        return new RgbImage(width, height, pixels);
    }

    /// <summary>A colour of the table; without a table a shade of gray, and black beyond its end.</summary>
    static ReadOnlySpan<byte> Colour(ReadOnlySpan<byte> palette, int index) =>
        palette.IsEmpty ? s_grays.AsSpan(3 * index, 3)
        : (3 * index) + 3 <= palette.Length ? palette.Slice(3 * index, 3)
        : s_grays.AsSpan(0, 3);

    /// <summary>The row of the picture at which the n-th stored row lies: every 8th, then the 4ths between, the 2nds, the rest.</summary>
    static int Interlaced(int stored, int height)
    {
        ReadOnlySpan<(int First, int Step)> passes = [(0, 8), (4, 8), (2, 4), (1, 2)];
        foreach ((int first, int step) in passes)
        {
            int rows = (height - first + step - 1) / step;
            if (stored < rows)
            {
                return first + (stored * step);
            }

            stored -= rows;
        }

        return height - 1;
    }

    /// <summary>Undoes the LZW compression: <paramref name="count"/> palette indices.</summary>
    byte[] Indices(int count)
    {
        int bits = Take(1)[0];
        if (bits is < 1 or > 8)
        {
            throw Damaged($"a code size of {bits} bits");
        }

        int clear = 1 << bits, end = clear + 1, next = end + 1, width = bits + 1, previous = -1;
        short[] prefix = new short[MaxCodes];
        byte[] suffix = new byte[MaxCodes];
        byte[] stack = new byte[MaxCodes + 1];
        byte[] output = new byte[count];
        int written = 0, buffer = 0, held = 0;
        byte first = 0;
        ReadOnlySpan<byte> block = [];
        while (written < count)
        {
            while (held < width)
            {
                if (block.IsEmpty)
                {
                    block = SubBlock();
                    if (block.IsEmpty)
                    {
                        throw Truncated();
                    }
                }

                buffer |= block[0] << held;
                held += 8;
                block = block[1..];
            }

            int code = buffer & ((1 << width) - 1);
            buffer >>= width;
            held -= width;
            if (code == clear)
            {
                (next, width, previous) = (end + 1, bits + 1, -1);
                continue;
            }

            if (code == end)
            {
                throw Truncated();
            }

            if (code > next || (code == next && previous < 0) || (previous < 0 && code > end))
            {
                throw Damaged($"code {code} where at most {next - 1} is known");
            }

            // The one code that may be used before it is known stands for the previous string and its own first value again.
            int depth = 0, walk = code;
            if (code == next)
            {
                stack[depth++] = first;
                walk = previous;
            }

            for (; walk >= clear; walk = prefix[walk])
            {
                stack[depth++] = suffix[walk];
            }

            first = (byte)walk;
            stack[depth++] = first;
            if (previous >= 0 && next < MaxCodes)
            {
                prefix[next] = (short)previous;
                suffix[next] = first;
                next++;
                width += next == 1 << width && width < 12 ? 1 : 0;
            }

            previous = code;
            while (depth > 0 && written < count)
            {
                output[written++] = stack[--depth];
            }
        }

        return output;
    }

    ReadOnlySpan<byte> Palette(byte flags) => (flags & 0x80) != 0 ? Take(3 * (2 << (flags & 7))) : [];

    ReadOnlySpan<byte> SubBlock() => Take(Take(1)[0]);

    ReadOnlySpan<byte> Take(int count)
    {
        if (_bytes.Length - _position < count)
        {
            throw Truncated();
        }

        _position += count;
        return _bytes.Slice(_position - count, count);
    }

    readonly MediaException Truncated() =>
        new($"{_name} ends in the middle of its GIF picture and the whole is needed; copy or download the file again.");

    readonly MediaException Damaged(string what) =>
        new($"{_name} begins as a GIF picture but its data is damaged ({what}); open it in an image program and save it anew.");

    static readonly byte[] s_grays = [.. Enumerable.Range(0, 3 * 256).Select(i => (byte)(i / 3))];
}
