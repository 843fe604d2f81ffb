using System.Buffers.Binary;

namespace GemmaSharp.Media;

/// <summary>The frames of an animated PNG: each a PNG of its own, drawn onto the canvas as its control chunk says.</summary>
/// <remarks>Source: PNG specification, third edition, §11.3.6 (acTL, fcTL, fdAT): dispose 0 none, 1 background, 2 previous; blend 0 source, 1 over.</remarks>
internal sealed class ApngFrames : IAnimationFrames
{
    readonly record struct Control(int Width, int Height, int X, int Y, double Delay, byte Dispose, byte Blend);

    readonly string _name;
    readonly AlphaMode _alpha;
    readonly Patience _patience;
    readonly byte[] _png;
    readonly int _width, _height;
    readonly List<(Control Control, List<Range> Data)> _frames = [];
    readonly List<Range> _shared = [];
    readonly byte[] _canvas;
    byte[]? _before;
    int _drawn;

    public ApngFrames(ReadOnlyMemory<byte> bytes, string name, MediaOptions options)
    {
        (_png, _name, _alpha, _patience) = (bytes.ToArray(), name, options.Alpha, new Patience(name, options));
        for (PngChunks chunks = new(_png); chunks.Next();)
        {
            Take(chunks, ref _width, ref _height);
        }

        ImageLimits.Check(_width, _height, name, options);
        ImageLimits.CheckWhole(_width, _height, name);
        foreach ((Control control, _) in _frames)
        {
            bool isInside = control.Width > 0 && control.Height > 0 && control.X >= 0 && control.Y >= 0
                && (long)control.X + control.Width <= _width && (long)control.Y + control.Height <= _height;
            if (!isInside)
            {
                throw Damaged($"a frame of {control.Width}×{control.Height} at {control.X}, {control.Y} lies outside of {_width}×{_height}");
            }
        }

        // A frame without data is one that is cut off before it.
        _frames.RemoveAll(frame => frame.Data.Count == 0);
        if (_frames.Count == 0)
        {
            throw Damaged("there is no frame");
        }

        _canvas = new byte[4 * _width * _height];
        if (Promised(_png) is long promised && promised > _frames.Count)
        {
            Notices = [$"{name} is cut off: {_frames.Count} of {promised} frames are there, which were used."];
        }
    }

    public IReadOnlyList<double> Delays => [.. _frames.Select(frame => frame.Control.Delay)];

    public IReadOnlyList<string> Notices { get; } = [];

    /// <summary>How many pictures a PNG holds, as its control chunk says; one more where the still picture is no frame; 1 where it is not animated.</summary>
    public static int Count(ReadOnlySpan<byte> png)
    {
        long count = Promised(png) ?? 0;
        bool isFirstFrame = false;
        for (PngChunks chunks = new(png); chunks.Next() && !chunks.Type.SequenceEqual("IDAT"u8);)
        {
            isFirstFrame |= chunks.Type.SequenceEqual("fcTL"u8);
        }

        return count == 0 ? 1 : (int)Math.Min(count + (isFirstFrame ? 0 : 1), int.MaxValue);
    }

    /// <summary>How many frames the control chunk counts; null where there is none.</summary>
    static long? Promised(ReadOnlySpan<byte> png)
    {
        for (PngChunks chunks = new(png); chunks.Next() && !chunks.Type.SequenceEqual("IDAT"u8);)
        {
            if (chunks.Type.SequenceEqual("acTL"u8) && chunks.Data.Length >= 8)
            {
                return BinaryPrimitives.ReadUInt32BigEndian(chunks.Data);
            }
        }

        return null;
    }

    public RgbImage Frame(int index)
    {
        if (index < _drawn - 1)
        {
            (_drawn, _before) = (0, null);
            Array.Clear(_canvas);
        }

        for (; _drawn <= index; _drawn++)
        {
            _patience.Check();
            if (_drawn > 0)
            {
                Dispose(_frames[_drawn - 1].Control);
            }

            // Before the first frame there is nothing to go back to.
            Control control = _frames[_drawn].Control;
            _before = control.Dispose == 2 && _drawn > 0 ? [.. _canvas] : null;
            Draw(_frames[_drawn].Data, control);
        }

        return new RgbImage(_width, _height, Alpha.Flatten(_canvas, _width, _height, 4 * _width, _alpha));
    }

    public void Dispose()
    {
    }

    void Take(PngChunks chunks, ref int width, ref int height)
    {
        ReadOnlySpan<byte> type = chunks.Type, data = chunks.Data;
        Range range = chunks.Position..(chunks.Position + data.Length);
        if (type.SequenceEqual("IHDR"u8) && data.Length >= 13)
        {
            width = BinaryPrimitives.ReadInt32BigEndian(data);
            height = BinaryPrimitives.ReadInt32BigEndian(data[4..]);
            _shared.Add(range);
        }
        else if (type.SequenceEqual("PLTE"u8) || type.SequenceEqual("tRNS"u8))
        {
            _shared.Add(range);
        }
        else if (type.SequenceEqual("fcTL"u8) && data.Length >= 26)
        {
            int divisor = BinaryPrimitives.ReadUInt16BigEndian(data[22..]);
            double seconds = BinaryPrimitives.ReadUInt16BigEndian(data[20..]) / (double)(divisor == 0 ? 100 : divisor);
            _frames.Add((new Control(
                BinaryPrimitives.ReadInt32BigEndian(data[4..]), BinaryPrimitives.ReadInt32BigEndian(data[8..]), BinaryPrimitives.ReadInt32BigEndian(data[12..]),
                BinaryPrimitives.ReadInt32BigEndian(data[16..]), seconds, data[24], data[25]), []));
        }
        else if (_frames.Count > 0 && type.SequenceEqual("IDAT"u8))
        {
            _frames[^1].Data.Add(range);
        }
        else if (_frames.Count > 0 && type.SequenceEqual("fdAT"u8) && data.Length >= 4)
        {
            _frames[^1].Data.Add((chunks.Position + 4)..range.End);
        }
    }

    void Dispose(Control last)
    {
        if (last.Dispose == 2 && _before is not null)
        {
            _before.CopyTo(_canvas, 0);
        }
        else if (last.Dispose is 1 or 2)
        {
            for (int y = last.Y; y < last.Y + last.Height; y++)
            {
                _canvas.AsSpan(4 * ((y * _width) + last.X), 4 * last.Width).Clear();
            }
        }
    }

    void Draw(List<Range> data, Control control)
    {
        byte[] pixels = SkiaDecoder.Rgba(Alone(data, control), control.Width, control.Height)
            ?? throw Damaged($"frame {_drawn + 1} cannot be read");
        for (int y = 0; y < control.Height; y++)
        {
            Span<byte> to = _canvas.AsSpan(4 * (((control.Y + y) * _width) + control.X), 4 * control.Width);
            ReadOnlySpan<byte> from = pixels.AsSpan(4 * y * control.Width, 4 * control.Width);
            if (control.Blend == 0)
            {
                from.CopyTo(to);
                continue;
            }

            for (int i = 0; i < to.Length; i += 4)
            {
                Over(from.Slice(i, 4), to.Slice(i, 4));
            }
        }
    }

    /// <summary>Draws a pixel over another, neither premultiplied: <c>a = s + d·(1 − s)</c>, <c>c = (cs·s + cd·d·(1 − s)) / a</c>.</summary>
    static void Over(ReadOnlySpan<byte> source, Span<byte> target)
    {
        int alpha = source[3], below = target[3] * (255 - alpha), sum = (255 * alpha) + below;
        if (sum == 0)
        {
            return;
        }

        for (int channel = 0; channel < 3; channel++)
        {
            target[channel] = (byte)(((source[channel] * 255 * alpha) + (target[channel] * below) + (sum / 2)) / sum);
        }

        target[3] = (byte)((sum + 127) / 255);
    }

    /// <summary>A frame as a PNG of its own.</summary>
    byte[] Alone(List<Range> data, Control control)
    {
        MemoryStream png = new();
        png.Write([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]);
        foreach (Range range in _shared)
        {
            byte[] content = _png[range];
            ReadOnlySpan<byte> type = _png.AsSpan(range.Start.Value - 4, 4);
            if (type.SequenceEqual("IHDR"u8))
            {
                BinaryPrimitives.WriteInt32BigEndian(content, control.Width);
                BinaryPrimitives.WriteInt32BigEndian(content.AsSpan(4), control.Height);
            }

            PngChunks.Write(png, type, content);
        }

        foreach (Range range in data)
        {
            PngChunks.Write(png, "IDAT"u8, _png.AsSpan(range));
        }

        PngChunks.Write(png, "IEND"u8, []);
        return png.ToArray();
    }

    MediaException Damaged(string what) =>
        new($"{_name} is an animated PNG but its data is damaged ({what}); open it in an image program and save it anew.");
}
