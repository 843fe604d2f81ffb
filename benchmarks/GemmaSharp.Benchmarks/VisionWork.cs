using GemmaSharp.Configuration;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Vision;

namespace GemmaSharp.Benchmarks;

/// <summary>Multiply-adds of every block of the vision tower, counted from its table.</summary>
internal static class VisionWork
{
    /// <summary>By block: <c>conv_stem</c>, <c>blocks.s.b</c>, <c>msfa</c>.</summary>
    public static Dictionary<string, double> MultiplyAdds(VisionConfig config, int height, int width)
    {
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

    /// <summary>Blocks are added up by stage and kind.</summary>
    public static string Part(string block)
    {
        string[] parts = block.Split('.');
        return parts is not ["blocks", string stage, string number] ? block
            : stage is "2" or "3" && int.Parse(number, System.Globalization.CultureInfo.InvariantCulture) >= (stage == "2" ? 9 : 1)
                ? $"blocks.{stage} {((number[^1] - '0') % 2 == 1 ? "attention" : "pointwise")}"
            : number == "0" ? $"blocks.{stage}.0" : $"blocks.{stage}";
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
