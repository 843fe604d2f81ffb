using System.Text.Json;

namespace GemmaSharp.Configuration;

/// <summary>Reads <c>vision_config</c> and the <c>model_args</c> timm understands.</summary>
static class VisionConfigReader
{
    static readonly HashSet<string> s_knownArgs =
        ["channel_multiplier", "stem_size", "stem_bias", "pad_type", "layer_scale_init_value", "msfa_output_resolution", "msfa_indices", "block_args"];

    public static VisionConfig Read(JsonFields vision) => new()
    {
        Architecture = vision.Choice("architecture", "mobilenetv5_300m_enc"),
        HiddenSize = vision.Int("hidden_size", 2048, 1, 1 << 18),
        VocabSize = vision.Int("vocab_size", 128, 1, 1 << 24),
        VocabOffset = vision.Int("vocab_offset", 262144, 0, 1 << 24),
        RmsNormEps = (float)vision.Number("rms_norm_eps", 1e-6, 1e-30, 1),
        ModelArgs = ReadArgs(vision.Section("model_args")),
    };

    static VisionModelArgs ReadArgs(JsonFields args)
    {
        if (!args.Exists)
        {
            return new VisionModelArgs();
        }

        // An argument we do not know would change the network unseen.
        foreach (string key in args.Keys())
        {
            if (!s_knownArgs.Contains(key) && args.Raw(key) is not null)
            {
                throw args.Refuse(key, $"an argument among {string.Join(", ", s_knownArgs)}");
            }
        }

        args.Choice("pad_type", "same");
        return new VisionModelArgs
        {
            ChannelMultiplier = args.Number("channel_multiplier", 1, 1.0 / 1024, 16),
            StemSize = args.Int("stem_size", 64, 1, 4096),
            StemBias = args.Bool("stem_bias", true),
            LayerScaleInitValue = args.NumberOrNull("layer_scale_init_value", 1e-5, 0, 1e6),
            MsfaOutputResolution = args.Int("msfa_output_resolution", 16, 1, 256),
            MsfaIndices = args.IntOrList("msfa_indices", -9, 8, 9) ?? [-2, -1],
            BlockArgs = args.Raw("block_args") is JsonElement table ? ReadTable(args, table) : null,
        };
    }

    static List<List<VisionBlockArgs>> ReadTable(JsonFields args, JsonElement table)
    {
        const string Key = "block_args";
        bool good = table.ValueKind == JsonValueKind.Array && table.GetArrayLength() is >= 1 and <= 8
            && table.EnumerateArray().All(stage => stage.ValueKind == JsonValueKind.Array && stage.GetArrayLength() is >= 1 and <= 256
                && stage.EnumerateArray().All(block => block.ValueKind == JsonValueKind.Object));
        if (!good)
        {
            throw args.Refuse(Key, "a list of 1 to 8 stages, each a list of 1 to 256 blocks,");
        }

        return [.. table.EnumerateArray().Select(stage => stage.EnumerateArray().Select(block => ReadBlock(args, block)).ToList())];
    }

    static VisionBlockArgs ReadBlock(JsonFields args, JsonElement element)
    {
        // The listing shows the table as one value, so a block's own values go nowhere.
        JsonFields block = args.Within("block_args", element, "[*][*]");
        return new VisionBlockArgs
        {
            BlockType = block.Choice("block_type", "uir", "er", "mqa"),
            OutChs = block.Int("out_chs", 0, 1, 1 << 16),
            Stride = block.Int("stride", 1, 1, 2),
            ExpRatio = block.Number("exp_ratio", 0, 0, 64),
            ExpKernelSize = block.Int("exp_kernel_size", 0, 0, 15),
            DwKernelSizeStart = block.Int("dw_kernel_size_start", 0, 0, 15),
            DwKernelSizeMid = block.Int("dw_kernel_size_mid", 0, 0, 15),
            DwKernelSize = block.Int("dw_kernel_size", 0, 0, 15),
            NumHeads = block.Int("num_heads", 0, 0, 1024),
            KeyDim = block.Int("key_dim", 0, 0, 4096),
            ValueDim = block.Int("value_dim", 0, 0, 4096),
            KvStride = block.Int("kv_stride", 0, 0, 2),
            Noskip = block.Bool("noskip", false),
        };
    }
}
