using System.Text.Json;

namespace GemmaSharp.Checkpoints.Adapters;

/// <summary>mlx-lm's <c>adapter_config.json</c>: <c>s = lora_parameters.scale</c> for every module.</summary>
/// <remarks>Source: <c>tuner/utils.py</c> and <c>tuner/lora.py</c> of mlx-lm. Which layers were trained is told by the tensors.</remarks>
sealed class MlxSettings : AdapterSettings
{
    readonly int? _rank;
    readonly double _scale = 1;

    public MlxSettings(JsonElement config, AdapterFindings findings)
    {
        BaseName = Text(config, "model");
        string kind = config.TryGetProperty("fine_tune_type", out _) ? Text(config, "fine_tune_type") ?? Shown(config, "fine_tune_type") : "lora";
        if (kind != "lora" || IsSet(config, "use_dora"))
        {
            Unsupported = true;
            string name = kind == "lora" ? "use_dora" : "fine_tune_type";
            findings.AddSetting(name, FindingKind.Unsupported, $"{name} is {Shown(config, name)}; only lora can be applied.",
                "Fuse the adapter into its base with mlx_lm.fuse and use the result, or train with fine_tune_type lora.");
        }

        if (!config.TryGetProperty("lora_parameters", out JsonElement parameters) || parameters.ValueKind != JsonValueKind.Object)
        {
            findings.AddSetting("lora_parameters", FindingKind.WrongSetting, "lora_parameters is missing or no object, and its scale is needed.",
                "Take the adapter_config.json that mlx-lm wrote with the adapter.");
            return;
        }

        if (parameters.TryGetProperty("rank", out JsonElement rank))
        {
            if (rank.ValueKind == JsonValueKind.Number && rank.TryGetInt32(out int r) && r > 0)
            {
                _rank = r;
            }
            else
            {
                findings.AddSetting("lora_parameters.rank", FindingKind.WrongSetting,
                    $"lora_parameters.rank is {Shown(parameters, "rank")}; a whole number of 1 or more is needed.", "Set it to the rank of the tensors.");
            }
        }

        if (!parameters.TryGetProperty("scale", out JsonElement scale) || scale.ValueKind != JsonValueKind.Number || !scale.TryGetDouble(out _scale)
            || !double.IsFinite(_scale))
        {
            string found = scale.ValueKind == JsonValueKind.Undefined ? "missing" : Shown(parameters, "scale");
            findings.AddSetting("lora_parameters.scale", FindingKind.WrongSetting, $"lora_parameters.scale is {found}; a number is needed.",
                "Set it to the value the adapter was trained with.");
        }
    }

    public override int? Rank(string module) => _rank;

    public override double Scale(string module, int rank) => _scale;
}
