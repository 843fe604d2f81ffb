using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Matrices;

namespace GemmaSharp.Model.Vision;

/// <summary>Edge residual block: <c>norm(conv_pwl · gelu(norm(conv_exp(x)))) [+ x]</c>, the expansion a full k × k convolution.</summary>
/// <remarks>Source: <c>EdgeResidual</c> of timm. Immutable, thread-safe.</remarks>
sealed class EdgeResidual : IVisionBlock
{
    readonly int _inChannels;
    readonly int _midChannels;
    readonly int _kernel;
    readonly bool _skip;
    readonly WeightMatrix _convExp;
    readonly RmsNorm2d _bn1;
    readonly WeightMatrix _convPwl;
    readonly RmsNorm2d _bn2;

    public EdgeResidual(ParameterScope scope, VisionBlockShape shape)
    {
        (_inChannels, _midChannels, OutChannels) = (shape.InChannels, shape.MidChannels, shape.OutChannels);
        (_kernel, Stride, _skip) = (shape.Args.ExpKernelSize, shape.Stride, shape.Skip);
        _convExp = scope.Convolution("conv_exp", _midChannels, _inChannels, _kernel, _kernel);
        _bn1 = new RmsNorm2d(scope, "bn1", _midChannels);
        _convPwl = scope.Convolution("conv_pwl", OutChannels, _midChannels, 1, 1);
        _bn2 = new RmsNorm2d(scope, "bn2", OutChannels);
    }

    public int OutChannels { get; }

    public int Stride { get; }

    public void Plan(int height, int width, VisionScratchPlan plan)
    {
        ConvolutionWindow window = Window(height, width);
        plan.AddBands(window.OutputHeight * window.OutputWidth, new Whole(this));
    }

    public void Forward(FeatureMap x, VisionWorkspace workspace, FeatureMap destination) =>
        workspace.Run(new Whole(this), x, new PixelRange(0, destination.Pixels), destination);

    ConvolutionWindow Window(int height, int width) => new(height, width, 0, _kernel, Stride);

    readonly struct Whole(EdgeResidual block) : IBandOperation
    {
        int PatchLength => block._kernel * block._kernel * block._inChannels;

        public long Scratch(int pixels) => (long)pixels * (PatchLength + block._midChannels);

        public void Forward(FeatureMap x, PixelRange range, Span<float> scratch, VisionWorkspace workspace, Span<float> destination)
        {
            int n = range.Count;
            Span<float> patches = scratch[..(n * PatchLength)];
            Span<float> mid = scratch.Slice(patches.Length, n * block._midChannels);
            ConvolutionPatches.Gather(x.Values, block.Window(x.Height, x.Width), block._inChannels, range.First, n, patches);
            ColumnProduct.Multiply(patches, n, block._convExp, mid);
            block._bn1.ApplyGelu(mid);
            ColumnProduct.Multiply(mid, n, block._convPwl, destination);
            block._bn2.ApplyResidual(destination, [], block._skip ? x[range] : []);
        }
    }
}
