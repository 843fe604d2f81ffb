using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Matrices;

namespace GemmaSharp.Model.Vision;

/// <summary>
/// Universal inverted residual block: <c>dw_start</c> – norm – <c>pw_exp</c> – norm – gelu – <c>dw_mid</c> – norm – gelu –
/// <c>pw_proj</c> – norm – layer scale [+ x], either depthwise convolution being optional.
/// </summary>
/// <remarks>
/// The middle map, up to six times the input, is never whole in memory: without <c>dw_mid</c> it lives a band of pixels
/// long, with it a few rows. Source: <c>UniversalInvertedResidual</c> of timm. Immutable, thread-safe.
/// </remarks>
sealed class UniversalInvertedResidual : IVisionBlock
{
    /// <summary>Middle elements held at once where <c>dw_mid</c> needs neighbours: 12 MB.</summary>
    const long MidElements = 3 << 20;

    readonly int _inChannels;
    readonly int _midChannels;
    readonly bool _skip;
    readonly DepthwiseConvolution? _dwStart;
    readonly RmsNorm2d? _dwStartBn;
    readonly WeightMatrix _pwExp;
    readonly RmsNorm2d _pwExpBn;
    readonly DepthwiseConvolution? _dwMid;
    readonly RmsNorm2d? _dwMidBn;
    readonly WeightMatrix _pwProj;
    readonly RmsNorm2d _pwProjBn;
    readonly float[] _gamma;

    public UniversalInvertedResidual(ParameterScope scope, VisionBlockShape shape)
    {
        (_inChannels, _midChannels, OutChannels) = (shape.InChannels, shape.MidChannels, shape.OutChannels);
        (Stride, _skip) = (shape.Stride, shape.Skip);
        (int start, int mid) = (shape.Args.DwKernelSizeStart, shape.Args.DwKernelSizeMid);
        if (start > 0)
        {
            _dwStart = new DepthwiseConvolution(scope["dw_start"], "conv", _inChannels, start, mid > 0 ? 1 : Stride);
            _dwStartBn = new RmsNorm2d(scope["dw_start"], "bn", _inChannels);
        }
        _pwExp = scope["pw_exp"].Convolution("conv", _midChannels, _inChannels, 1, 1);
        _pwExpBn = new RmsNorm2d(scope["pw_exp"], "bn", _midChannels);
        if (mid > 0)
        {
            _dwMid = new DepthwiseConvolution(scope["dw_mid"], "conv", _midChannels, mid, Stride);
            _dwMidBn = new RmsNorm2d(scope["dw_mid"], "bn", _midChannels);
        }
        _pwProj = scope["pw_proj"].Convolution("conv", OutChannels, _midChannels, 1, 1);
        _pwProjBn = new RmsNorm2d(scope["pw_proj"], "bn", OutChannels);
        _gamma = shape.LayerScale ? scope.Vector("layer_scale.gamma", OutChannels) : [];
    }

    public int OutChannels { get; }

    public int Stride { get; }

    public void Plan(int height, int width, VisionScratchPlan plan)
    {
        int outputHeight = ConvolutionWindow.OutputSize(height, Stride);
        int outputWidth = ConvolutionWindow.OutputSize(width, Stride);
        if (_dwMid is null)
        {
            plan.AddBands(outputHeight * outputWidth, new Whole(this));
            return;
        }
        ConvolutionWindow window = _dwMid.Window(height, width);
        (int rows, int midRows) = RowsAtOnce(window);
        plan.AddShared((long)midRows * width * _midChannels);
        plan.AddBands(midRows * width, new Expand(this));
        plan.AddBands(rows * outputWidth, new Project(this));
    }

    public void Forward(FeatureMap x, VisionWorkspace workspace, FeatureMap destination)
    {
        if (_dwMid is null)
        {
            workspace.Run(new Whole(this), x, new PixelRange(0, destination.Pixels), destination);
            return;
        }

        // A few output rows at a time. The middle rows that the next ones need again move to the front.
        ConvolutionWindow window = _dwMid.Window(x.Height, x.Width);
        (int rows, int midRows) = RowsAtOnce(window);
        int rowLength = x.Width * _midChannels;
        Span<float> mid = workspace.Shared(0, midRows * rowLength);
        int first = 0, computed = 0;
        for (int row = 0; row < destination.Height; row += rows)
        {
            int lastRow = Math.Min(row + rows, destination.Height);
            (int neededFirst, int neededLast) = window.InputRows(row, lastRow);
            int kept = Math.Max(0, computed - neededFirst);
            mid.Slice((computed - kept - first) * rowLength, kept * rowLength).CopyTo(mid);
            first = neededFirst;
            int next = first + kept;
            FeatureMap midMap = new(mid, x.Height, x.Width, _midChannels, first);
            workspace.Run(new Expand(this), x, new PixelRange(next * x.Width, (neededLast - next) * x.Width), midMap);
            computed = neededLast;
            PixelRange range = new(row * destination.Width, (lastRow - row) * destination.Width);
            workspace.Run(new Project(this), midMap, range, destination);
            if (_skip)
            {
                Add(x[range], destination[range]);
            }
        }
    }

    /// <summary>Output rows computed together, and the most middle rows they read.</summary>
    static (int Rows, int MidRows) RowsAtOnce(ConvolutionWindow window, long rowLength, long elements)
    {
        long midRows = Math.Max(window.Kernel, elements / rowLength);
        int rows = (int)Math.Min(window.OutputHeight, ((midRows - window.Kernel) / window.Stride) + 1);
        return (rows, Math.Min(window.Height, ((rows - 1) * window.Stride) + window.Kernel));
    }

    (int Rows, int MidRows) RowsAtOnce(ConvolutionWindow window) =>
        RowsAtOnce(window, (long)window.Width * _midChannels, MidElements);

    static void Add(ReadOnlySpan<float> x, Span<float> destination) => VectorMath.Add(destination, x, destination);

    /// <summary>The input of <c>pw_exp</c>: the block's input, or its depthwise convolution and norm.</summary>
    ReadOnlySpan<float> Start(FeatureMap x, PixelRange range, Span<float> scratch)
    {
        if (_dwStart is null)
        {
            return x[range];
        }
        Span<float> start = scratch[..(range.Count * _inChannels)];
        _dwStart.Forward(x, range, start);
        _dwStartBn!.Apply(start);
        return start;
    }

    /// <summary>The whole block, without <c>dw_mid</c>.</summary>
    readonly struct Whole(UniversalInvertedResidual block) : IBandOperation
    {
        public long Scratch(int pixels) => (long)pixels * (block._inChannels + block._midChannels);

        public void Forward(FeatureMap x, PixelRange range, Span<float> scratch, VisionWorkspace workspace, Span<float> destination)
        {
            int n = range.Count;
            ReadOnlySpan<float> start = block.Start(x, range, scratch);
            Span<float> mid = scratch.Slice(n * block._inChannels, n * block._midChannels);
            ColumnProduct.Multiply(start, n, block._pwExp, mid);
            block._pwExpBn.ApplyGelu(mid);
            ColumnProduct.Multiply(mid, n, block._pwProj, destination);
            block._pwProjBn.ApplyResidual(destination, block._gamma, block._skip ? x[range] : []);
        }
    }

    /// <summary>Up to the middle map, which <c>dw_mid</c> reads.</summary>
    readonly struct Expand(UniversalInvertedResidual block) : IBandOperation
    {
        public long Scratch(int pixels) => (long)pixels * block._inChannels;

        public void Forward(FeatureMap x, PixelRange range, Span<float> scratch, VisionWorkspace workspace, Span<float> destination)
        {
            ReadOnlySpan<float> start = block.Start(x, range, scratch);
            ColumnProduct.Multiply(start, range.Count, block._pwExp, destination);
            block._pwExpBn.ApplyGelu(destination);
        }
    }

    /// <summary>From the middle map on, without the residual.</summary>
    readonly struct Project(UniversalInvertedResidual block) : IBandOperation
    {
        public long Scratch(int pixels) => (long)pixels * block._midChannels;

        public void Forward(FeatureMap x, PixelRange range, Span<float> scratch, VisionWorkspace workspace, Span<float> destination)
        {
            Span<float> mid = scratch[..(range.Count * block._midChannels)];
            block._dwMid!.Forward(x, range, mid);
            block._dwMidBn!.ApplyGelu(mid);
            ColumnProduct.Multiply(mid, range.Count, block._pwProj, destination);
            block._pwProjBn.ApplyResidual(destination, block._gamma, []);
        }
    }
}
