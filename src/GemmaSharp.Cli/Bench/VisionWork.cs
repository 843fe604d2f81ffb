using GemmaSharp.Configuration;
using GemmaSharp.Model.Vision;
using GemmaSharp.Numerics.Kernels;

namespace GemmaSharp.Cli.Bench;

/// <summary>Multiply-adds of every block of the vision tower, counted from its table.</summary>
/// <remarks>The yardstick of speed reports. Stateless, thread-safe.</remarks>
static class VisionWork
{
    /// <summary>By block: <c>conv_stem</c>, <c>blocks.s.b</c>, <c>msfa</c>.</summary>
    /// <param name="config">The tower.</param>
    /// <param name="height">Rows of the picture.</param>
    /// <param name="width">Columns of the picture.</param>
    public static IReadOnlyDictionary<string, double> MultiplyAdds(VisionConfig config, int height, int width)
    {
        ArgumentNullException.ThrowIfNull(config);
        VisionNetwork network = new(config);
        double pixels = Shrink(ref height, ref width, 2);
        Dictionary<string, double> work = new() { ["conv_stem"] = pixels * 27 * network.StemChannels };
        double fused = 0;
        for (int s = 0; s < network.Stages.Count; s++)
        {
            for (int b = 0; b < network.Stages[s].Count; b++)
            {
                VisionBlockShape shape = network.Stages[s][b];
                work[$"blocks.{s}.{b}"] = shape.Args.BlockType switch
                {
                    "er" => Edge(shape, Shrink(ref height, ref width, shape.Stride)),
                    "mqa" => Attention(shape, height, width),
                    _ => Inverted(shape, pixels, Shrink(ref height, ref width, shape.Stride)),
                };
                pixels = (double)height * width;
            }
            if (s == network.FusedFeatures[0] - 1)
            {
                fused = pixels;
            }
        }
        double mid = VisionNetwork.MakeDivisible(2.0 * network.FusedChannels);
        work["msfa"] = fused * mid * (network.FusedChannels + config.HiddenSize);
        return work;
    }

    static double Edge(VisionBlockShape shape, double outputs) =>
        outputs * shape.MidChannels * ((shape.Args.ExpKernelSize * shape.Args.ExpKernelSize * shape.InChannels) + shape.OutChannels);

    static double Inverted(VisionBlockShape shape, double inputs, double outputs)
    {
        (int start, int mid) = (shape.Args.DwKernelSizeStart, shape.Args.DwKernelSizeMid);
        double expanded = mid > 0 ? inputs : outputs;
        return (expanded * shape.InChannels * ((start * start) + shape.MidChannels))
            + (outputs * shape.MidChannels * ((mid * mid) + shape.OutChannels));
    }

    static double Attention(VisionBlockShape shape, int height, int width)
    {
        (double queries, double heads) = ((double)height * width, shape.Args.NumHeads);
        double keys = (double)ConvolutionWindow.OutputSize(height, shape.Args.KvStride) * ConvolutionWindow.OutputSize(width, shape.Args.KvStride);
        double sizes = shape.Args.KeyDim + shape.Args.ValueDim;
        double down = shape.Args.KvStride > 1 ? 2.0 * shape.Args.DwKernelSize * shape.Args.DwKernelSize : 0;
        return (queries * heads * sizes * shape.InChannels) + (keys * shape.InChannels * (sizes + down)) + (queries * keys * heads * sizes);
    }

    static double Shrink(ref int height, ref int width, int stride)
    {
        (height, width) = (ConvolutionWindow.OutputSize(height, stride), ConvolutionWindow.OutputSize(width, stride));
        return (double)height * width;
    }
}
