using SkiaSharp;

namespace GemmaSharp.Media;

/// <summary>The frames of a GIF or WebP file, composed by Skia.</summary>
internal sealed class SkiaFrames : IAnimationFrames
{
    const int None = -1;

    readonly SKData _data;
    readonly SKCodec _codec;
    readonly SKBitmap _canvas = new();
    readonly SKImageInfo _info;
    readonly string _name;
    readonly AlphaMode _alpha;
    readonly Patience _patience;
    readonly int[] _required;
    int _held = None;

    public SkiaFrames(ReadOnlyMemory<byte> bytes, string name, MediaOptions options)
    {
        (_name, _alpha, _patience) = (name, options.Alpha, new Patience(name, options));
        _data = SKData.CreateCopy(bytes.Span);
        _codec = SKCodec.Create(_data) ?? throw Damaged("its beginning cannot be read");
        int width = _codec.Info.Width, height = _codec.Info.Height;
        ImageLimits.Check(width, height, name, options);
        ImageLimits.CheckWhole(width, height, name);
        _info = new(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul, null);
        if (!_canvas.TryAllocPixels(_info))
        {
            throw ImageLimits.NoMemory(width, height, name);
        }

        // A last frame that is cut off is left out, as long as there is another.
        SKCodecFrameInfo[] frames = _codec.FrameInfo;
        SKCodecFrameInfo[] whole = [.. frames.TakeWhile(frame => frame.FullyRecieved)];
        if (whole.Length < frames.Length && whole.Length > 0)
        {
            Notices = [$"{name} is cut off: {whole.Length} of at least {frames.Length} frames are there, which were used."];
        }

        else if (bytes.Span.StartsWith("RIFF"u8) && System.Buffers.Binary.BinaryPrimitives.ReadUInt32LittleEndian(bytes.Span[4..]) + 8L > bytes.Length + 1)
        {
            Notices = [$"{name} is cut off: {frames.Length} frames are there, which were used."];
        }

        Delays = whole.Length == 0 ? [0] : [.. whole.Select(frame => frame.Duration / 1000.0)];
        _required = whole.Length == 0 ? [None] : [.. whole.Select(frame => frame.RequiredFrame)];
    }

    public IReadOnlyList<double> Delays { get; }

    public IReadOnlyList<string> Notices { get; } = [];

    public RgbImage Frame(int index)
    {
        // What a frame is drawn over is made first, so that a long animation costs one decoding of each frame.
        Stack<int> chain = new();
        for (int frame = index; frame != None && frame != _held; frame = _required[frame])
        {
            chain.Push(frame);
        }

        while (chain.TryPop(out int frame))
        {
            _patience.Check();
            int prior = _required[frame] == _held ? _held : None;
            SKCodecResult result = _codec.GetPixels(_info, _canvas.GetPixels(), new SKCodecOptions(frame, prior));
            if (result != SKCodecResult.Success)
            {
                throw Damaged($"frame {frame + 1}: {result}");
            }

            _held = frame;
        }

        return new RgbImage(_info.Width, _info.Height, Alpha.Flatten(_canvas.GetPixelSpan(), _info.Width, _info.Height, _canvas.RowBytes, _alpha));
    }

    public void Dispose()
    {
        _canvas.Dispose();
        _codec?.Dispose();
        _data.Dispose();
    }

    MediaException Damaged(string what) =>
        new($"{_name} is an animation but its data is damaged ({what}); open it in an image program and save it anew.");
}
