using GemmaSharp.Configuration;

namespace GemmaSharp.Model.Vision;

/// <summary>The table of the MobileNet-v5 300M encoder, or a config's own, with all channel counts worked out.</summary>
/// <remarks>Source: <c>mobilenetv5_300m_enc</c> and <c>EfficientNetBuilder</c> of timm. Immutable.</remarks>
sealed class VisionNetwork
{
    const int ChannelDivisor = 8;

    /// <summary>Beyond it the reference dilates kernels instead of striding.</summary>
    const int MaxStride = 32;

    /// <summary>Works the table out.</summary>
    /// <exception cref="ConfigurationException">The table is one that the tower cannot run.</exception>
    public VisionNetwork(VisionConfig config)
    {
        VisionModelArgs args = config.ModelArgs;
        double multiplier = args.ChannelMultiplier;
        StemChannels = multiplier < 1 ? args.StemSize : MakeDivisible(args.StemSize * multiplier);
        int channels = StemChannels;
        int totalStride = StemStride;
        List<int> featureChannels = [channels];
        List<IReadOnlyList<VisionBlockShape>> stages = [];
        foreach (IReadOnlyList<VisionBlockArgs> table in args.BlockArgs ?? PublishedTable())
        {
            List<VisionBlockShape> stage = [];
            foreach (VisionBlockArgs block in table)
            {
                Check(block);
                int outChannels = MakeDivisible(block.OutChs * multiplier);
                stage.Add(Shape(block, stage.Count == 0 ? block.Stride : 1, channels, outChannels, args.LayerScaleInitValue is not null));
                channels = outChannels;
            }
            totalStride *= table[0].Stride;
            if (totalStride > MaxStride)
            {
                throw Refuse("block_args", $"strides multiply to {totalStride} at stage {stages.Count}; the tower runs strides up to {MaxStride}.");
            }
            stages.Add(stage);
            featureChannels.Add(channels);
        }
        Stages = stages;
        FusedFeatures = [.. args.MsfaIndices.Select(index => index < 0 ? featureChannels.Count + index : index).Distinct().Order()];
        if (FusedFeatures.Count == 0 || FusedFeatures[0] < 0 || FusedFeatures[^1] >= featureChannels.Count)
        {
            throw Refuse(
                "msfa_indices",
                $"is [{string.Join(", ", args.MsfaIndices)}]; with {stages.Count} stages it needs indices " +
                $"from {-featureChannels.Count} to {featureChannels.Count - 1}.");
        }
        FusedChannels = FusedFeatures.Sum(index => featureChannels[index]);
    }

    /// <summary>Planes of a picture.</summary>
    public const int Colours = 3;

    /// <summary>Step of the stem.</summary>
    public const int StemStride = 2;

    /// <summary>Channels of the stem.</summary>
    public int StemChannels { get; }

    /// <summary>Stages of blocks.</summary>
    public IReadOnlyList<IReadOnlyList<VisionBlockShape>> Stages { get; }

    /// <summary>The features the fusion adapter reads, ascending: 0 is the stem, <c>i</c> the output of stage <c>i − 1</c>.</summary>
    public IReadOnlyList<int> FusedFeatures { get; }

    /// <summary>Channels of all fused features together.</summary>
    public int FusedChannels { get; }

    /// <summary>The nearest multiple of 8, at least 8 and not more than a tenth below <paramref name="value"/>.</summary>
    public static int MakeDivisible(double value)
    {
        int rounded = Math.Max(ChannelDivisor, (int)(value + (ChannelDivisor / 2)) / ChannelDivisor * ChannelDivisor);
        return rounded < 0.9 * value ? rounded + ChannelDivisor : rounded;
    }

    static void Check(VisionBlockArgs block)
    {
        switch (block.BlockType)
        {
            case "er" when block.ExpKernelSize < 1:
                throw Refuse("block_args", "has an edge residual without exp_kernel_size; it needs 1 or more.");
            case "mqa" when block.NumHeads < 1 || block.KeyDim < 1 || block.ValueDim < 1:
                throw Refuse("block_args", "has an attention without num_heads, key_dim or value_dim; each needs 1 or more.");
            case "mqa" when block.KvStride > 1 && block.DwKernelSize < 1:
                throw Refuse("block_args", "has an attention with kv_stride but no dw_kernel_size; it needs 1 or more.");
        }
    }

    static ConfigurationException Refuse(string key, string problem) => new("config.json", $"$.vision_config.model_args.{key}", problem);

    static VisionBlockShape Shape(VisionBlockArgs block, int stride, int inChannels, int outChannels, bool layerScale)
    {
        bool skip = stride == 1 && inChannels == outChannels && !block.Noskip;
        return block.BlockType switch
        {
            "er" => new(block, inChannels, MakeDivisible(inChannels * block.ExpRatio), outChannels, stride, skip, false),
            "mqa" => new(block, inChannels, 0, outChannels, 1, skip, layerScale),
            _ => new(
                block,
                inChannels,
                MakeDivisible(inChannels * block.ExpRatio),
                outChannels,
                block.DwKernelSizeStart > 0 || block.DwKernelSizeMid > 0 ? stride : 1,
                skip,
                layerScale),
        };
    }

    static IReadOnlyList<IReadOnlyList<VisionBlockArgs>> PublishedTable() =>
    [
        [Edge(128, 2), Edge(128, 1), Edge(128, 1)],
        [Inverted(256, 2, 3, 5, 6), Inverted(256, 1, 5, 0, 4), Inverted(256, 1, 3, 0, 4), Inverted(256, 1, 5, 0, 4), Inverted(256, 1, 3, 0, 4)],
        [
            Inverted(640, 2, 5, 5, 6),
            .. Enumerable.Repeat(Inverted(640, 1, 5, 0, 4), 7),
            Inverted(640, 1, 0, 0, 1),
            .. Pairs(14, Attention(640, 12, 64, 2), Inverted(640, 1, 0, 0, 2)),
        ],
        [
            Inverted(1280, 2, 5, 5, 6),
            .. Pairs(19, Attention(1280, 16, 96, 1), Inverted(1280, 1, 0, 0, 2)),
        ],
    ];

    static IEnumerable<VisionBlockArgs> Pairs(int count, VisionBlockArgs first, VisionBlockArgs second) =>
        Enumerable.Repeat<VisionBlockArgs[]>([first, second], count).SelectMany(pair => pair);

    static VisionBlockArgs Edge(int channels, int stride) =>
        new() { BlockType = "er", OutChs = channels, Stride = stride, ExpKernelSize = 3, ExpRatio = 4 };

    static VisionBlockArgs Inverted(int channels, int stride, int start, int mid, double expansion) => new()
    {
        BlockType = "uir",
        OutChs = channels,
        Stride = stride,
        DwKernelSizeStart = start,
        DwKernelSizeMid = mid,
        ExpRatio = expansion,
    };

    static VisionBlockArgs Attention(int channels, int heads, int dimension, int keyStride) => new()
    {
        BlockType = "mqa",
        OutChs = channels,
        DwKernelSize = 3,
        NumHeads = heads,
        KeyDim = dimension,
        ValueDim = dimension,
        KvStride = keyStride,
    };
}
