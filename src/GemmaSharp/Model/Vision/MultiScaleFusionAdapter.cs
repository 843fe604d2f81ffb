using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Matrices;

namespace GemmaSharp.Model.Vision;

/// <summary>
/// Fuses features of several resolutions into a fixed grid:
/// <c>norm(resize(norm(pw_proj · gelu(norm(pw_exp · concat(features))))))</c> at the first feature's resolution.
/// </summary>
/// <remarks>Source: <c>MobileNetV5MultiScaleFusionAdapter</c> of timm. Immutable, thread-safe.</remarks>
sealed class MultiScaleFusionAdapter
{
    readonly int _inChannels;
    readonly int _midChannels;
    readonly int _resolution;
    readonly WeightMatrix _pwExp;
    readonly RmsNorm2d _pwExpBn;
    readonly WeightMatrix _pwProj;
    readonly RmsNorm2d _pwProjBn;
    readonly RmsNorm2d _norm;

    public MultiScaleFusionAdapter(ParameterScope scope, int inChannels, int outChannels, int resolution)
    {
        (_inChannels, _midChannels, OutChannels) = (inChannels, VisionNetwork.MakeDivisible(2.0 * inChannels), outChannels);
        _resolution = resolution;
        ParameterScope ffn = scope["ffn"];
        _pwExp = ffn["pw_exp"].Convolution("conv", _midChannels, _inChannels, 1, 1);
        _pwExpBn = new RmsNorm2d(ffn["pw_exp"], "bn", _midChannels);
        _pwProj = ffn["pw_proj"].Convolution("conv", OutChannels, _midChannels, 1, 1);
        _pwProjBn = new RmsNorm2d(ffn["pw_proj"], "bn", OutChannels);
        _norm = new RmsNorm2d(scope, "norm", OutChannels);
    }

    /// <summary>Channels of the output.</summary>
    public int OutChannels { get; }

    /// <summary>What the adapter needs where its first feature is <paramref name="height"/> × <paramref name="width"/>.</summary>
    public void Plan(int height, int width, VisionScratchPlan plan)
    {
        plan.AddBands(height * width, new Fuse(this));
        plan.AddBands(_resolution * _resolution, new Resize(this));
        plan.AddShared((long)height * width * OutChannels);
    }

    /// <summary>Fuses the workspace's kept features.</summary>
    /// <param name="workspace">Holds the features, the first of them the largest.</param>
    /// <param name="destination">Output, <c>[r, r, C]</c>.</param>
    public void Forward(VisionWorkspace workspace, FeatureMap destination)
    {
        FeatureMap first = workspace.Feature(0);
        FeatureMap fused = new(workspace.Shared(0, first.Pixels * OutChannels), first.Height, first.Width, OutChannels);
        workspace.Run(new Fuse(this), first, new PixelRange(0, first.Pixels), fused);
        workspace.Run(new Resize(this), fused, new PixelRange(0, destination.Pixels), destination);
    }

    /// <summary>Concatenation and feed-forward, at the first feature's resolution.</summary>
    readonly struct Fuse(MultiScaleFusionAdapter adapter) : IBandOperation
    {
        public long Scratch(int pixels) => (long)pixels * (adapter._inChannels + adapter._midChannels);

        public void Forward(FeatureMap x, PixelRange range, Span<float> scratch, VisionWorkspace workspace, Span<float> destination)
        {
            int n = range.Count;
            Span<float> concatenated = scratch[..(n * adapter._inChannels)];
            Span<float> mid = scratch.Slice(concatenated.Length, n * adapter._midChannels);
            int channel = 0;
            for (int i = 0; i < workspace.FeatureCount; i++)
            {
                FeatureMap feature = workspace.Feature(i);
                FeatureResize.Nearest(feature, x.Height, x.Width, range, concatenated[channel..], adapter._inChannels);
                channel += feature.Channels;
            }
            ColumnProduct.Multiply(concatenated, n, adapter._pwExp, mid);
            adapter._pwExpBn.ApplyGelu(mid);
            ColumnProduct.Multiply(mid, n, adapter._pwProj, destination);
            adapter._pwProjBn.Apply(destination);
        }
    }

    /// <summary>Resizing to the output grid and the last norm.</summary>
    readonly struct Resize(MultiScaleFusionAdapter adapter) : IBandOperation
    {
        public long Scratch(int pixels) => 0;

        public void Forward(FeatureMap x, PixelRange range, Span<float> scratch, VisionWorkspace workspace, Span<float> destination)
        {
            int r = adapter._resolution;
            if (x.Height % r == 0 && x.Width % r == 0)
            {
                FeatureResize.AveragePool(x, r, r, range, destination);
            }
            else
            {
                FeatureResize.Bilinear(x, r, r, range, destination);
            }
            adapter._norm.Apply(destination);
        }
    }
}
