using System.Text.RegularExpressions;

namespace GemmaSharp.Checkpoints.Gguf;

/// <summary>The names that tensors have in GGUF files of Gemma 3n, both ways.</summary>
/// <remarks>Canonical names are those of <see cref="TensorNames"/>. AltUp's projections are stacked there (<see cref="GgufTensors"/>).</remarks>
static partial class GgufNames
{
    /// <summary>The stacked projections into the AltUp streams, and the module list that they are.</summary>
    public const string AltupProjections = "altup_proj.weight", AltupUnembedProjections = "altup_unembd_proj.weight";

    static readonly Dictionary<string, string> s_global = new(StringComparer.Ordinal)
    {
        ["token_embd"] = "language_model.embed_tokens",
        ["per_layer_token_embd"] = "language_model.embed_tokens_per_layer",
        ["per_layer_model_proj"] = "language_model.per_layer_model_projection",
        ["per_layer_proj_norm"] = "language_model.per_layer_projection_norm",
        ["output_norm"] = "language_model.norm",
        ["output"] = "lm_head",
        ["mm.input_projection"] = "embed_vision.embedding_projection",
        ["mm.embedding"] = "embed_vision.embedding",
        ["mm.soft_emb_norm"] = "embed_vision.soft_embedding_norm",
        ["mm.hard_emb_norm"] = "embed_vision.hard_embedding_norm",
        ["mm.a.input_projection"] = "embed_audio.embedding_projection",
        ["mm.a.embedding"] = "embed_audio.embedding",
        ["mm.a.soft_emb_norm"] = "embed_audio.soft_embedding_norm",
        ["mm.a.hard_emb_norm"] = "embed_audio.hard_embedding_norm",
        ["a.pre_encode.out"] = "audio_tower.subsample_conv_projection.input_proj_linear",
        ["a.conv1d.0"] = "audio_tower.subsample_conv_projection.conv_0.conv",
        ["a.conv1d.1"] = "audio_tower.subsample_conv_projection.conv_1.conv",
        ["a.conv1d.0.norm"] = "audio_tower.subsample_conv_projection.conv_0.norm",
        ["a.conv1d.1.norm"] = "audio_tower.subsample_conv_projection.conv_1.norm",
    };

    static readonly Dictionary<string, string> s_layer = new(StringComparer.Ordinal)
    {
        ["attn_norm"] = "input_layernorm",
        ["post_attention_norm"] = "post_attention_layernorm",
        ["ffn_norm"] = "pre_feedforward_layernorm",
        ["post_ffw_norm"] = "post_feedforward_layernorm",
        ["post_norm"] = "post_per_layer_input_norm",
        ["attn_q"] = "self_attn.q_proj",
        ["attn_k"] = "self_attn.k_proj",
        ["attn_v"] = "self_attn.v_proj",
        ["attn_output"] = "self_attn.o_proj",
        ["attn_q_norm"] = "self_attn.q_norm",
        ["attn_k_norm"] = "self_attn.k_norm",
        ["ffn_gate"] = "mlp.gate_proj",
        ["ffn_up"] = "mlp.up_proj",
        ["ffn_down"] = "mlp.down_proj",
        ["inp_gate"] = "per_layer_input_gate",
        ["proj"] = "per_layer_projection",
        ["altup_router"] = "altup.modality_router",
        ["altup_router_norm"] = "altup.router_norm",
        ["altup_predict_coef"] = "altup.prediction_coefs",
        ["altup_correct_coef"] = "altup.correction_coefs",
        ["laurel_l"] = "laurel.linear_left",
        ["laurel_r"] = "laurel.linear_right",
        ["laurel_post_norm"] = "laurel.post_laurel_norm",
    };

    static readonly Dictionary<string, string> s_conformer = new(StringComparer.Ordinal)
    {
        ["ffn_norm"] = "ffw_layer_start.pre_layer_norm",
        ["ffn_up"] = "ffw_layer_start.ffw_layer_1",
        ["ffn_down"] = "ffw_layer_start.ffw_layer_2",
        ["ffn_post_norm"] = "ffw_layer_start.post_layer_norm",
        ["ffn_norm_1"] = "ffw_layer_end.pre_layer_norm",
        ["ffn_up_1"] = "ffw_layer_end.ffw_layer_1",
        ["ffn_down_1"] = "ffw_layer_end.ffw_layer_2",
        ["ffn_post_norm_1"] = "ffw_layer_end.post_layer_norm",
        ["ln1"] = "attention.pre_attn_norm",
        ["ln2"] = "attention.post_norm",
        ["attn_q"] = "attention.attn.q_proj",
        ["attn_k"] = "attention.attn.k_proj",
        ["attn_v"] = "attention.attn.v_proj",
        ["attn_out"] = "attention.post",
        ["linear_pos"] = "attention.attn.relative_position_embedding.pos_proj",
        ["conv_norm"] = "lconv1d.pre_layer_norm",
        ["norm_conv"] = "lconv1d.conv_norm",
        ["conv_pw1"] = "lconv1d.linear_start",
        ["conv_dw"] = "lconv1d.depthwise_conv1d",
        ["conv_pw2"] = "lconv1d.linear_end",
        ["layer_pre_norm"] = "norm",
    };

    static readonly Dictionary<string, string> s_globalBack = Turned(s_global);
    static readonly Dictionary<string, string> s_layerBack = Turned(s_layer);
    static readonly Dictionary<string, string> s_conformerBack = Turned(s_conformer);

    /// <summary>The canonical name of a stored one; null where the model has none such.</summary>
    public static string? Canonical(string name)
    {
        if (Layer().Match(name) is { Success: true } layer)
        {
            string prefix = $"language_model.layers.{layer.Groups[1].Value}.", rest = layer.Groups[2].Value;

            // The one parameter that is no weight of a module; older converters left its ending out.
            return rest is "altup_correct_scale.weight" or "altup_correct_scale" ? prefix + "altup.correct_output_scale" : Renamed(s_layer, rest, prefix);
        }

        if (Conformer().Match(name) is { Success: true } block)
        {
            string prefix = $"audio_tower.conformer.{block.Groups[1].Value}.", rest = block.Groups[2].Value;
            return rest is "per_dim_scale" or "per_dim_scale.weight" ? prefix + "attention.attn.per_dim_scale" : Renamed(s_conformer, rest, prefix);
        }

        if (name.StartsWith("v.", StringComparison.Ordinal))
        {
            string rest = name["v.".Length..];
            return "vision_tower.timm_model." + (rest.StartsWith("blk.", StringComparison.Ordinal) ? "blocks." + rest["blk.".Length..] : rest);
        }

        return Renamed(s_global, name, "");
    }

    /// <summary>The name under which a canonical one is stored; null where such files have none, as for the stacked projections.</summary>
    public static string? Stored(string canonical)
    {
        if (HuggingFaceLayer().Match(canonical) is { Success: true } layer)
        {
            string prefix = $"blk.{layer.Groups[1].Value}.", rest = layer.Groups[2].Value;
            return rest == "altup.correct_output_scale" ? prefix + "altup_correct_scale.weight" : Renamed(s_layerBack, rest, prefix);
        }

        if (HuggingFaceConformer().Match(canonical) is { Success: true } block)
        {
            string prefix = $"a.blk.{block.Groups[1].Value}.", rest = block.Groups[2].Value;
            return rest == "attention.attn.per_dim_scale" ? prefix + "per_dim_scale" : Renamed(s_conformerBack, rest, prefix);
        }

        const string Vision = "vision_tower.timm_model.";
        if (canonical.StartsWith(Vision, StringComparison.Ordinal))
        {
            string rest = canonical[Vision.Length..];
            return "v." + (rest.StartsWith("blocks.", StringComparison.Ordinal) ? "blk." + rest["blocks.".Length..] : rest);
        }

        return Renamed(s_globalBack, canonical, "");
    }

    /// <summary>Whether a stored name is of the towers or their embedders.</summary>
    public static bool IsOfProjector(string name) =>
        name.StartsWith("v.", StringComparison.Ordinal) || name.StartsWith("a.", StringComparison.Ordinal) || name.StartsWith("mm.", StringComparison.Ordinal);

    /// <summary>The number of the layer that a stored tensor belongs to; null where it is of none.</summary>
    public static int? LayerOf(string name) =>
        Layer().Match(name) is { Success: true } layer && int.TryParse(layer.Groups[1].ValueSpan, out int number) ? number : null;

    static string? Renamed(Dictionary<string, string> table, string name, string prefix)
    {
        const string Weight = ".weight";
        return name.EndsWith(Weight, StringComparison.Ordinal) && table.TryGetValue(name[..^Weight.Length], out string? module)
            ? prefix + module + Weight : null;
    }

    static Dictionary<string, string> Turned(Dictionary<string, string> table) =>
        table.ToDictionary(pair => pair.Value, pair => pair.Key, StringComparer.Ordinal);

    [GeneratedRegex("^blk\\.([0-9]{1,4})\\.(.+)$", RegexOptions.CultureInvariant)]
    private static partial Regex Layer();

    [GeneratedRegex("^a\\.blk\\.([0-9]{1,4})\\.(.+)$", RegexOptions.CultureInvariant)]
    private static partial Regex Conformer();

    [GeneratedRegex("^language_model\\.layers\\.([0-9]{1,4})\\.(.+)$", RegexOptions.CultureInvariant)]
    private static partial Regex HuggingFaceLayer();

    [GeneratedRegex("^audio_tower\\.conformer\\.([0-9]{1,4})\\.(.+)$", RegexOptions.CultureInvariant)]
    private static partial Regex HuggingFaceConformer();
}
