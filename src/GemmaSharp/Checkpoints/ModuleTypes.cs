using System.Globalization;

namespace GemmaSharp.Checkpoints;

/// <summary>Names the kind of block at a module path, for reports and listings.</summary>
static class ModuleTypes
{
    /// <summary>The block at <paramref name="path"/>, or an empty string for one without a name of its own.</summary>
    public static string Of(string path)
    {
        string leaf = path[(path.LastIndexOf('.') + 1)..];
        string parent = path[..Math.Max(0, path.Length - leaf.Length - 1)];
        bool vision = path.StartsWith("vision_tower", StringComparison.Ordinal);
        return leaf switch
        {
            "" => "Gemma3n",
            "language_model" => "TextModel",
            "vision_tower" => "VisionTower",
            "timm_model" => "MobileNetV5",
            "audio_tower" => "AudioTower",
            "embed_vision" or "embed_audio" => "MultimodalEmbedder",
            "self_attn" => "Attention",
            "mlp" => "FeedForward",
            "altup" => "AltUp",
            "laurel" => "Laurel",
            "subsample_conv_projection" => "SubSampleConvProjection",
            "ffw_layer_start" or "ffw_layer_end" => "ConformerFeedForward",
            "attention" => "ConformerAttention",
            "lconv1d" => "ConformerLightConv1d",
            "relative_position_embedding" => "RelativePositionEmbedding",
            "conv_0" or "conv_1" => "SubSampleConvBlock",
            "conv_stem" => "ConvStem",
            "msfa" => "MultiScaleFusionAdapter",
            "layer_scale" => "LayerScale",
            "attn" => vision ? "MultiQueryAttention" : "ConformerDotProductAttention",
            "layers" or "blocks" or "conformer" or "altup_projections" or "altup_unembed_projections" => "List",
            _ when !int.TryParse(leaf, NumberStyles.None, CultureInfo.InvariantCulture, out _) => "",
            _ when parent.EndsWith("language_model.layers", StringComparison.Ordinal) => "DecoderLayer",
            _ when parent.EndsWith(".conformer", StringComparison.Ordinal) => "ConformerBlock",
            _ when parent.EndsWith(".blocks", StringComparison.Ordinal) => "Stage",
            _ when vision => "Block",
            _ => "",
        };
    }

    /// <summary>The module that owns the tensor <paramref name="name"/>: a norm, a small linear layer, or the block that has it as a bare parameter.</summary>
    public static string OfOwner(string name, string module, int axes) =>
        Of(module) is { Length: > 0 } block ? block
        : axes > 1 ? "Linear"
        : name.EndsWith(".bias", StringComparison.Ordinal) ? "Convolution"
        : name.Contains("conv_0.norm", StringComparison.Ordinal) || name.Contains("conv_1.norm", StringComparison.Ordinal) ? "CumulativeGroupNorm"
        : "RmsNorm";
}
