using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Model.Vision;

/// <summary>The MobileNet-v5 picture encoder: stem, stages of blocks, fusion adapter. One picture in, a fixed grid of tokens out.</summary>
/// <remarks>
/// Activations are float32, pixel by pixel (NHWC); traces are NCHW as the reference records them. The result is the same,
/// bit for bit, on any number of threads. Source: <c>MobileNetV5Encoder</c> of timm. Immutable and thread-safe: the scratch of
/// a pass is its own.
/// </remarks>
sealed class VisionTower
{
    /// <summary>Shortest side of a picture.</summary>
    public const int MinSide = 32;

    /// <summary>Longest side of a picture.</summary>
    public const int MaxSide = 2048;

    const int Colours = 3;

    readonly string _name;
    readonly ConvStem _convStem;
    readonly IVisionBlock[][] _stages;
    readonly IReadOnlyList<int> _fusedFeatures;
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
        ParameterScope model = scope["timm_model"];
        VisionNetwork network = new(config);
        _name = model.Path;
        _convStem = new ConvStem(model["conv_stem"], network.StemChannels, config.ModelArgs.StemBias);
        _stages = [.. network.Stages.Select((stage, s) =>
            stage.Select((shape, b) => CreateBlock(model["blocks"][s][b], shape)).ToArray())];
        _fusedFeatures = network.FusedFeatures;
        _resolution = config.ModelArgs.MsfaOutputResolution;
        _msfa = new MultiScaleFusionAdapter(model["msfa"], network.FusedChannels, config.HiddenSize, _resolution);
    }

    /// <summary>Tokens that a picture of any size becomes: the square of the output grid's side.</summary>
    public int TokensPerImage => _resolution * _resolution;

    /// <summary>Values of a token.</summary>
    public int HiddenSize => _msfa.OutChannels;

    /// <summary>Scratch memory that one pass takes and gives back.</summary>
    /// <param name="height">Rows of the picture.</param>
    /// <param name="width">Columns of the picture.</param>
    /// <param name="threads">Threads of the team.</param>
    /// <returns>Bytes, without the megabyte that each thread keeps for turning weights.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A side is out of range.</exception>
    public long PeakScratchBytes(int height, int width, int threads = 1) => Plan(height, width, threads).Total * sizeof(float);

    /// <summary>Encodes a picture.</summary>
    /// <param name="pixels">Planes of red, green and blue from 0 to 1, <c>[3, height, width]</c>.</param>
    /// <param name="height">Rows, <see cref="MinSide"/> to <see cref="MaxSide"/>.</param>
    /// <param name="width">Columns, <see cref="MinSide"/> to <see cref="MaxSide"/>.</param>
    /// <param name="destination">Receives <c>[TokensPerImage, HiddenSize]</c>, the grid row by row.</param>
    /// <param name="team">Threads to use.</param>
    /// <param name="trace">Receives the stem's, every block's and the adapter's output, or null.</param>
    /// <exception cref="ArgumentOutOfRangeException">A side is out of range.</exception>
    /// <exception cref="ArgumentException">A span has another length.</exception>
    public void Forward(ReadOnlySpan<float> pixels, int height, int width, Span<float> destination, WorkerTeam team, ITrace? trace)
    {
        ArgumentNullException.ThrowIfNull(team);
        CheckSide(height, nameof(height));
        CheckSide(width, nameof(width));
        CheckLength(pixels.Length, Colours * height * width, nameof(pixels));
        CheckLength(destination.Length, TokensPerImage * HiddenSize, nameof(destination));

        using VisionWorkspace workspace = new(Plan(height, width, team.Threads), team);
        FeatureMap x = workspace.Map(0, Halved(height), Halved(width), _convStem.OutChannels);
        _convStem.Forward(pixels, height, width, workspace, x);
        Capture(trace, ".conv_stem", x);
        KeepFeature(0, x, workspace);
        int block = 0;
        for (int s = 0; s < _stages.Length; s++)
        {
            for (int b = 0; b < _stages[s].Length; b++)
            {
                x = Forward(_stages[s][b], ++block, x, workspace);
                Capture(trace, $".blocks.{s}.{b}", x);
            }
            KeepFeature(s + 1, x, workspace);
        }
        FeatureMap tokens = new(destination, _resolution, _resolution, HiddenSize);
        _msfa.Forward(workspace, tokens);
        Capture(trace, ".msfa", tokens);
    }

    static FeatureMap Forward(IVisionBlock block, int number, FeatureMap x, VisionWorkspace workspace)
    {
        FeatureMap y = workspace.Map(
            number,
            ConvolutionWindow.OutputSize(x.Height, block.Stride),
            ConvolutionWindow.OutputSize(x.Width, block.Stride),
            block.OutChannels);
        block.Forward(x, workspace, y);
        return y;
    }

    static IVisionBlock CreateBlock(ParameterScope scope, VisionBlockShape shape) => shape.Args.BlockType switch
    {
        "er" => new EdgeResidual(scope, shape),
        "mqa" => new MobileAttention(scope, shape),
        _ => new UniversalInvertedResidual(scope, shape),
    };

    void KeepFeature(int index, FeatureMap x, VisionWorkspace workspace)
    {
        if (_fusedFeatures.Contains(index))
        {
            workspace.KeepFeature(x);
        }
    }

    /// <summary>Walks the network without computing, adding up what each block needs.</summary>
    VisionScratchPlan Plan(int height, int width, int threads)
    {
        CheckSide(height, nameof(height));
        CheckSide(width, nameof(width));
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        VisionScratchPlan plan = new(threads);
        _convStem.Plan(height, width, plan);
        (int h, int w, int channels) = (Halved(height), Halved(width), _convStem.OutChannels);
        (int Height, int Width)? first = null;
        int block = 0;
        plan.AddMap(block, h, w, channels);
        PlanFeature(0);
        for (int s = 0; s < _stages.Length; s++)
        {
            foreach (IVisionBlock b in _stages[s])
            {
                b.Plan(h, w, plan);
                (h, w, channels) = (ConvolutionWindow.OutputSize(h, b.Stride), ConvolutionWindow.OutputSize(w, b.Stride), b.OutChannels);
                plan.AddMap(++block, h, w, channels);
            }
            PlanFeature(s + 1);
        }
        (int Height, int Width) size = first!.Value;
        _msfa.Plan(size.Height, size.Width, plan);
        return plan;

        void PlanFeature(int index)
        {
            if (_fusedFeatures.Contains(index))
            {
                first ??= (h, w);
                plan.AddFeature(h, w, channels);
            }
        }
    }

    /// <summary>Records a map as <c>[1, C, H, W]</c>.</summary>
    void Capture(ITrace? trace, string suffix, FeatureMap x)
    {
        if (trace is null || !trace.Wants(_name + suffix))
        {
            return;
        }
        float[] planes = new float[x.Values.Length];
        for (int i = 0; i < x.Values.Length; i++)
        {
            planes[(i % x.Channels * x.Pixels) + (i / x.Channels)] = x.Values[i];
        }
        trace.Record(_name + suffix, [1, x.Channels, x.Height, x.Width], 0, planes);
    }

    static int Halved(int size) => ConvolutionWindow.OutputSize(size, VisionNetwork.StemStride);

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
