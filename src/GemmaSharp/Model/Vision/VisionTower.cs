using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Model.Vision;

/// <summary>The MobileNet-v5 picture encoder: stem, stages of blocks, fusion adapter. One picture in, a fixed grid of tokens out.</summary>
/// <remarks>
/// Activations are float32, pixel by pixel (NHWC); traces are NCHW as the reference records them. The result is the same,
/// bit for bit, on any number of threads. Source: <c>MobileNetV5Encoder</c> of timm. Immutable and thread-safe: everything that
/// changes is in the pass.
/// </remarks>
sealed class VisionTower
{
    /// <summary>Shortest side of a picture.</summary>
    public const int MinSide = 32;

    /// <summary>Longest side of a picture.</summary>
    public const int MaxSide = 2048;

    readonly string _name;
    readonly ReducedProducts? _products;
    readonly int _stemChannels;
    readonly ConvStem _convStem;
    readonly List<(string Path, IVisionBlock Block, VisionBlockShape Shape)> _blocks = [];
    readonly int[] _fused;
    readonly MultiScaleFusionAdapter _msfa;
    readonly int _resolution;

    /// <summary>Asks the scope for the tower's weights.</summary>
    /// <param name="scope">The scope <c>vision_tower</c>.</param>
    /// <param name="config">The network and its deviations from the published one.</param>
    /// <exception cref="ConfigurationException">The config's network is one that the tower cannot run.</exception>
    public VisionTower(ParameterScope scope, VisionConfig config)
    {
        ArgumentNullException.ThrowIfNull(scope);
        ArgumentNullException.ThrowIfNull(config);
        ParameterScope model = scope["timm_model"].AsTower();
        _products = model.ReducedProducts;
        VisionNetwork network = new(config);
        _name = model.Path;
        _stemChannels = network.StemChannels;
        _convStem = new ConvStem(model["conv_stem"], _stemChannels, config.ModelArgs.StemBias);
        List<int> features = [0];
        for (int s = 0; s < network.Stages.Count; s++)
        {
            for (int b = 0; b < network.Stages[s].Count; b++)
            {
                ParameterScope place = model["blocks"][s][b];
                _blocks.Add((place.Path, CreateBlock(place, network.Stages[s][b]), network.Stages[s][b]));
            }

            features.Add(_blocks.Count);
        }

        _fused = [.. network.FusedFeatures.Select(index => features[index])];
        _resolution = config.ModelArgs.MsfaOutputResolution;
        HiddenSize = config.HiddenSize;
        _msfa = new MultiScaleFusionAdapter(model["msfa"], network.FusedChannels, HiddenSize, _resolution);
    }

    /// <summary>Tokens that a picture of any size becomes: the square of the output grid's side.</summary>
    public int TokensPerImage => _resolution * _resolution;

    /// <summary>Values of a token.</summary>
    public int HiddenSize { get; }

    /// <summary>Encodes a picture in one go.</summary>
    /// <param name="pixels">Planes of red, green and blue from 0 to 1, <c>[3, height, width]</c>.</param>
    /// <param name="height">Rows, <see cref="MinSide"/> to <see cref="MaxSide"/>.</param>
    /// <param name="width">Columns, <see cref="MinSide"/> to <see cref="MaxSide"/>.</param>
    /// <param name="destination">Receives <c>[TokensPerImage, HiddenSize]</c>, the grid row by row.</param>
    /// <param name="team">Threads to use.</param>
    /// <param name="trace">Receives the stem's, every block's and the adapter's output, or null.</param>
    /// <exception cref="ArgumentOutOfRangeException">A side is out of range.</exception>
    /// <exception cref="ArgumentException">An array has another length, or a map would be too large.</exception>
    public void Forward(float[] pixels, int height, int width, float[] destination, WorkerTeam team, ITrace? trace = null)
    {
        using var p = new Pass(team, trace);
        foreach (int _ in Encode(pixels, height, width, destination, p))
        {
        }
    }

    /// <summary>Encodes a picture piece by piece, so that its caller can do something else in between, or stop.</summary>
    /// <param name="pixels">Planes of red, green and blue from 0 to 1, <c>[3, height, width]</c>; not to be changed meanwhile.</param>
    /// <param name="height">Rows, <see cref="MinSide"/> to <see cref="MaxSide"/>.</param>
    /// <param name="width">Columns, <see cref="MinSide"/> to <see cref="MaxSide"/>.</param>
    /// <param name="destination">Receives <c>[TokensPerImage, HiddenSize]</c>, the grid row by row, after the last piece.</param>
    /// <param name="p">The pass, which does nothing else meanwhile. The maps stay taken when the picture is done: let the pass or a scope end.</param>
    /// <returns>After the stem and after every block, how many of them are done.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A side is out of range.</exception>
    /// <exception cref="ArgumentException">An array has another length, or, at the first piece, a map would be too large.</exception>
    public IEnumerable<int> Encode(float[] pixels, int height, int width, float[] destination, Pass p)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        ArgumentNullException.ThrowIfNull(destination);
        ArgumentNullException.ThrowIfNull(p);
        CheckSide(height, nameof(height));
        CheckSide(width, nameof(width));
        CheckLength(pixels.Length, VisionNetwork.Colours * height * width, nameof(pixels));
        CheckLength(destination.Length, TokensPerImage * HiddenSize, nameof(destination));
        return Pieces(pixels, height, width, destination, p);
    }

    IEnumerable<int> Pieces(float[] pixels, int height, int width, float[] destination, Pass p)
    {
        _products?.Prepare(p.Team);
        FeatureMap[] maps = NewMaps(height, width, p);
        Stem(pixels, height, width, maps[0], p);
        yield return 1;
        for (int i = 0; i < _blocks.Count; i++)
        {
            using (p.Enter(_blocks[i].Path))
            {
                _blocks[i].Block.Forward(maps[i], maps[i + 1], p);
                Trace("", maps[i + 1], p);
            }

            yield return i + 2;
        }

        Fuse([.. _fused.Select(i => maps[i])], destination, p);
    }

    void Stem(float[] pixels, int height, int width, FeatureMap y, Pass p)
    {
        using Pass.Scope _ = p.Enter(_name);
        _convStem.Forward(pixels, height, width, y, p);
        Trace(".conv_stem", y, p);
    }

    void Fuse(FeatureMap[] features, float[] destination, Pass p)
    {
        using Pass.Scope _ = p.Enter(_name);
        FeatureMap tokens = _msfa.Forward(features, p);
        Trace(".msfa", tokens, p);
        tokens.Pixels.Span.CopyTo(destination);
    }

    /// <summary>The outputs of stem and blocks. Those that are fused have places of their own, the others take turns in two.</summary>
    FeatureMap[] NewMaps(int height, int width, Pass p)
    {
        var shapes = new (int Height, int Width, int Channels)[_blocks.Count + 1];
        shapes[0] = (Shrink(height, VisionNetwork.StemStride), Shrink(width, VisionNetwork.StemStride), _stemChannels);
        for (int i = 0; i < _blocks.Count; i++)
        {
            VisionBlockShape block = _blocks[i].Shape;
            shapes[i + 1] = (Shrink(shapes[i].Height, block.Stride), Shrink(shapes[i].Width, block.Stride), block.OutChannels);
        }

        Floats[] turns = [p.NewFloats(Longest(0)), p.NewFloats(Longest(1))];
        return [.. shapes.Select((shape, i) =>
        {
            Floats values = _fused.Contains(i) ? p.NewFloats(Length(shape)) : turns[i % 2].Slice(0, Length(shape));
            return new FeatureMap(new Rows(values, shape.Height * shape.Width, shape.Channels), shape.Height, shape.Width);
        })];

        long Longest(int turn) => shapes.Where((_, i) => i % 2 == turn && !_fused.Contains(i)).Select(Length).DefaultIfEmpty().Max();
    }

    static int Shrink(int size, int stride) => ConvolutionWindow.OutputSize(size, stride);

    static long Length((int Height, int Width, int Channels) shape)
    {
        (int height, int width, int channels) = shape;
        long length = (long)height * width * channels;
        return length <= int.MaxValue
            ? length
            : throw new ArgumentException(
                $"A feature map of {height} × {width} pixels with {channels} channels has {length} elements; one map may have {int.MaxValue}. Use a smaller "
                    + $"picture.");
    }

    static IVisionBlock CreateBlock(ParameterScope scope, VisionBlockShape shape) => shape.Args.BlockType switch
    {
        "er" => new EdgeResidual(scope, shape),
        "mqa" => new MobileAttention(scope, shape),
        _ => new UniversalInvertedResidual(scope, shape),
    };

    /// <summary>Records a map as <c>[1, C, H, W]</c>.</summary>
    static void Trace(string suffix, FeatureMap x, Pass p)
    {
        if (!p.Wants(suffix))
        {
            return;
        }

        using Pass.Scope _ = p.Enter();
        Rows planes = p.New(x.Channels, x.All.Count);
        Span<float> values = x.Pixels.Span, turned = planes.Span;
        for (int i = 0; i < values.Length; i++)
        {
            (int pixel, int channel) = Math.DivRem(i, x.Channels);
            turned[(channel * planes.Width) + pixel] = values[i];
        }

        p.Trace(suffix, [1, x.Channels, x.Height, x.Width], planes);
    }

    static void CheckSide(int side, string name)
    {
        if (side is < MinSide or > MaxSide)
        {
            throw new ArgumentOutOfRangeException(
                name, side, $"A side of {side} pixels was given; the tower takes {MinSide} to {MaxSide}. Resize the picture.");
        }
    }

    static void CheckLength(int found, int needed, string name)
    {
        if (found != needed)
        {
            throw new ArgumentException($"{name} has {found} elements; the tower needs {needed}.", name);
        }
    }
}
