using System.Globalization;
using System.Text.RegularExpressions;
using GemmaSharp.Configuration;

namespace GemmaSharp.Checkpoints;

/// <summary>Knows which configuration keys decide the sizes of a tensor, to say which value would fit a tensor that does not.</summary>
sealed partial class ConfigFields(Gemma3nConfig config)
{
    /// <summary>An axis whose size is a key's value times <paramref name="Factor"/>.</summary>
    readonly record struct Axis(string Key, long Factor = 1);

    /// <summary>"Set text_config.intermediate_size[3] to 224": what would make the found shape right; <see langword="null"/> when nothing would.</summary>
    public string? Suggest(string tensor, IReadOnlyList<long> found, IReadOnlyList<long> expected)
    {
        Axis[]? axes = tensor.StartsWith("language_model.", StringComparison.Ordinal) ? TextAxes(tensor)
            : tensor.StartsWith("audio_tower.", StringComparison.Ordinal) ? AudioAxes(tensor)
            : EmbedderAxes(tensor);
        if (axes is null || axes.Length != found.Count || found.Count != expected.Count)
        {
            return null;
        }

        var settings = new SortedDictionary<string, long>(StringComparer.Ordinal);
        for (int i = 0; i < axes.Length; i++)
        {
            if (found[i] == expected[i])
            {
                continue;
            }

            if (axes[i].Key is null || found[i] % axes[i].Factor != 0)
            {
                return null;
            }

            settings[axes[i].Key] = found[i] / axes[i].Factor;
        }

        return "Set " + string.Join(" and ", settings.Select(s => string.Create(CultureInfo.InvariantCulture, $"{s.Key} to {s.Value}")))
            + " in config.json if the tensor is right.";
    }

    /// <summary>The key that counts the entries of the list at <paramref name="path"/>, and how many more than entries it counts.</summary>
    public static (string Key, int Beyond)? CountOf(string path) => path switch
    {
        "language_model.layers" => ("text_config.num_hidden_layers", 0),
        "language_model.altup_projections" or "language_model.altup_unembed_projections" => ("text_config.altup_num_inputs", 1),
        "audio_tower.conformer" => ("audio_config.conf_num_hidden_layers", 0),
        _ => null,
    };

    Axis[]? TextAxes(string tensor)
    {
        TextConfig text = config.TextConfig;
        Axis c = new("text_config.hidden_size"), e = new("text_config.hidden_size_per_layer_input"), r = new("text_config.laurel_rank");
        Axis d = new("text_config.head_dim"), q = new("text_config.num_attention_heads", text.HeadDim),
            kv = new("text_config.num_key_value_heads", text.HeadDim);
        Axis p = new("text_config.altup_num_inputs"), le = new("text_config.hidden_size_per_layer_input", text.NumHiddenLayers);
        Axis f = new($"text_config.intermediate_size[{Number().Match(tensor).Groups[1].Value}]");
        return Number().Replace(tensor["language_model.".Length..], ".#") switch
        {
            "layers.#.self_attn.q_proj.weight" => [q, c],
            "layers.#.self_attn.k_proj.weight" or "layers.#.self_attn.v_proj.weight" => [kv, c],
            "layers.#.self_attn.o_proj.weight" => [c, q],
            "layers.#.self_attn.q_norm.weight" or "layers.#.self_attn.k_norm.weight" => [d],
            "layers.#.mlp.gate_proj.weight" or "layers.#.mlp.up_proj.weight" => [f, c],
            "layers.#.mlp.down_proj.weight" => [c, f],
            "layers.#.altup.correction_coefs.weight" => [p, p],
            "layers.#.altup.prediction_coefs.weight" => [default, p],
            "layers.#.altup.modality_router.weight" => [p, c],
            "layers.#.laurel.linear_left.weight" => [r, c],
            "layers.#.laurel.linear_right.weight" => [c, r],
            "layers.#.per_layer_input_gate.weight" => [e, c],
            "layers.#.per_layer_projection.weight" => [c, e],
            "embed_tokens.weight" => [new("text_config.vocab_size"), c],
            "embed_tokens_per_layer.weight" => [new("text_config.vocab_size_per_layer_input"), le],
            "per_layer_model_projection.weight" => [le, c],
            "per_layer_projection_norm.weight" => [e],
            "altup_projections.#.weight" or "altup_unembed_projections.#.weight" => [c, c],
            string other when other.EndsWith("norm.weight", StringComparison.Ordinal)
                || other.EndsWith("correct_output_scale", StringComparison.Ordinal) => [c],
            _ => null,
        };
    }

    static Axis[]? AudioAxes(string tensor)
    {
        Axis c = new("audio_config.hidden_size");
        string name = Number().Replace(tensor["audio_tower.".Length..], ".#");
        return name switch
        {
            "subsample_conv_projection.conv_0.norm.weight" => [new("audio_config.sscp_conv_channel_size[0]")],
            "subsample_conv_projection.conv_1.norm.weight" => [new("audio_config.sscp_conv_channel_size[1]")],
            "subsample_conv_projection.input_proj_linear.weight" => [c, default],
            "conformer.#.lconv1d.depthwise_conv1d.weight" => [c, default, new("audio_config.conf_conv_kernel_size")],
            _ when name.EndsWith("per_dim_scale", StringComparison.Ordinal) => null,
            _ when name.EndsWith("norm.weight", StringComparison.Ordinal) => [c],
            _ when name.EndsWith("_proj.weight", StringComparison.Ordinal) || name.EndsWith("post.weight", StringComparison.Ordinal) => [c, c],
            _ => null,
        };
    }

    static Axis[]? EmbedderAxes(string tensor)
    {
        string? section = tensor.StartsWith("embed_vision.", StringComparison.Ordinal) ? "vision_config"
            : tensor.StartsWith("embed_audio.", StringComparison.Ordinal) ? "audio_config" : null;
        Axis c = new($"{section}.hidden_size");
        return section is null ? null : tensor[(tensor.IndexOf('.', StringComparison.Ordinal) + 1)..] switch
        {
            "embedding.weight" => [new($"{section}.vocab_size"), c],
            "embedding_projection.weight" => [new("text_config.hidden_size"), c],
            "hard_embedding_norm.weight" or "soft_embedding_norm.weight" => [c],
            _ => null,
        };
    }

    [GeneratedRegex("\\.([0-9]+)", RegexOptions.CultureInvariant)]
    private static partial Regex Number();
}
