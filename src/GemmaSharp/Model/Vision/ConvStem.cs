using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Matrices;

namespace GemmaSharp.Model.Vision;

/// <summary>The stem: <c>gelu(norm(conv₃ₓ₃(picture) + bias))</c> at stride 2, from planes to pixels.</summary>
/// <remarks>Source: <c>ConvNormAct</c> of timm under the name <c>conv_stem</c>. Immutable, thread-safe.</remarks>
sealed class ConvStem
{
    const int Colours = 3;
    const int Kernel = 3;
    const int PatchLength = Kernel * Kernel * Colours;

    readonly WeightMatrix _conv;
    readonly float[] _bias;
    readonly RmsNorm2d _bn;

    public ConvStem(ParameterScope scope, int outChannels, bool bias)
    {
        OutChannels = outChannels;
        _conv = scope.Convolution("conv", outChannels, Colours, Kernel, Kernel);
        _bias = bias ? scope.OptionalVector("conv.bias", outChannels) : [];
        _bn = new RmsNorm2d(scope, "bn", outChannels);
    }

    public int OutChannels { get; }

    public void Plan(int height, int width, VisionScratchPlan plan)
    {
        ConvolutionWindow window = Window(height, width);
        plan.AddBands(window.OutputHeight * window.OutputWidth, new Convolve(this, default, []));
    }

    /// <summary>Computes the stem.</summary>
    /// <param name="picture">Planes, <c>[3, height, width]</c>.</param>
    /// <param name="height">Rows of the picture.</param>
    /// <param name="width">Columns of the picture.</param>
    /// <param name="workspace">Scratch and threads.</param>
    /// <param name="destination">Output map.</param>
    public void Forward(ReadOnlySpan<float> picture, int height, int width, VisionWorkspace workspace, FeatureMap destination)
    {
        workspace.Run(new Convolve(this, Window(height, width), picture), default, new PixelRange(0, destination.Pixels), destination);
    }

    static ConvolutionWindow Window(int height, int width) => new(height, width, 0, Kernel, VisionNetwork.StemStride);

    readonly ref struct Convolve(ConvStem stem, ConvolutionWindow window, ReadOnlySpan<float> picture) : IBandOperation
    {
        readonly ReadOnlySpan<float> _picture = picture;

        public long Scratch(int pixels) => (long)pixels * PatchLength;

        public void Forward(FeatureMap x, PixelRange range, Span<float> scratch, VisionWorkspace workspace, Span<float> destination)
        {
            Span<float> patches = scratch[..(range.Count * PatchLength)];
            ConvolutionPatches.GatherPlanar(_picture, window, Colours, range.First, range.Count, patches);
            ColumnProduct.Multiply(patches, range.Count, stem._conv, destination);
            if (stem._bias.Length > 0)
            {
                for (int i = 0; i < destination.Length; i += stem.OutChannels)
                {
                    Span<float> row = destination.Slice(i, stem.OutChannels);
                    VectorMath.Add(row, stem._bias, row);
                }
            }
            stem._bn.ApplyGelu(destination);
        }
    }
}
