using System.Text.Json;

namespace GemmaSharp.Checkpoints.Adapters;

/// <summary>peft's <c>adapter_config.json</c>: <c>s = alpha / r</c>, or <c>alpha / √r</c> when rank-stabilised, with exceptions by module.</summary>
/// <remarks>Source: <c>LoraConfig</c> and <c>LoraLayer.update_layer</c> of peft. Settings of training alone are not looked at.</remarks>
sealed class PeftSettings : AdapterSettings
{
    // What changes the arithmetic, with the name people know it by.
    static readonly (string Key, string Kind)[] s_unsupported =
    [
        ("use_dora", "DoRA"), ("use_qalora", "QALoRA"), ("use_bdlora", "BD-LoRA"), ("arrow_config", "Arrow routing"), ("kasa_config", "KaSA"),
            ("monteclora_config", "MonteCLoRA"),
        ("alora_invocation_tokens", "activated LoRA"), ("layer_replication", "layer replication"), ("target_parameters", "LoRA on bare parameters"),
        ("trainable_token_indices", "trained token embeddings"), ("modules_to_save", "whole modules saved with the adapter"),
            ("lora_bias", "a bias in the pairs"),
    ];

    // Initialisations that take something out of the base's weights, so that the pairs do not fit the weights as published.
    static readonly (string Start, string Kind)[] s_changedBases =
        [("pissa", "PiSSA"), ("olora", "OLoRA"), ("corda", "CorDA"), ("loftq", "LoftQ"), ("lora_ga", "LoRA-GA")];

    const int DefaultRank = 8;
    const double DefaultAlpha = 8;

    readonly int? _rank;
    readonly double _alpha;
    readonly bool _stabilised;
    readonly ModulePatterns _ranks;
    readonly ModulePatterns _alphas;

    public PeftSettings(JsonElement config, AdapterFindings findings)
    {
        BaseName = Text(config, "base_model_name_or_path");
        string kind = Text(config, "peft_type") ?? "unknown";
        if (kind != "LORA")
        {
            Unsupported = true;
            findings.AddSetting("peft_type", FindingKind.Unsupported, $"The adapter's peft_type is {kind}; only LORA can be applied.",
                "Train a LoRA adapter, or merge this one into its base with peft and use the result.");
        }

        foreach ((string key, string name) in s_unsupported.Where(setting => IsSet(config, setting.Key)))
        {
            Unsupported |= key is not ("modules_to_save" or "lora_bias" or "trainable_token_indices");
            findings.AddSetting(key, FindingKind.Unsupported, $"{key} is {Shown(config, key)}; adapters with {name} cannot be applied.",
                "Merge the adapter into its base with peft and use the result, or train without it.");
        }

        if (Text(config, "init_lora_weights") is string start
            && s_changedBases.FirstOrDefault(c => start.StartsWith(c.Start, StringComparison.OrdinalIgnoreCase)) is { Kind: not null } changed)
        {
            findings.AddSetting("init_lora_weights", FindingKind.Unsupported,
                $"init_lora_weights is {start}; {changed.Kind} takes a part out of the base's weights, and the base here still has it.",
                "Convert the adapter with peft (save_pretrained with path_initial_model_for_weight_conversion), which makes it an ordinary one.");
        }

        if (IsSet(config, "fan_in_fan_out"))
        {
            findings.AddSetting("fan_in_fan_out", FindingKind.WrongSetting, "fan_in_fan_out is set, which has no effect on linear layers.", null,
                Severity.Note);
        }

        if (IsSet(config, "bias") && Text(config, "bias") != "none")
        {
            findings.AddSetting("bias", FindingKind.WrongSetting,
                $"bias is {Shown(config, "bias")}; this model's linear layers have none, so it has no effect.", null, Severity.Note);
        }

        _rank = Rank(config, findings);
        _alpha = Alpha(config, findings);
        _stabilised = IsSet(config, "use_rslora");
        _ranks = new ModulePatterns(config, "rank_pattern", findings);
        _alphas = new ModulePatterns(config, "alpha_pattern", findings);
    }

    public override int? Rank(string module) => _ranks.Find(module) is double rank ? (int)Math.Clamp(rank, 0, int.MaxValue) : _rank;

    public override double Scale(string module, int rank)
    {
        double alpha = _alphas.Find(module) ?? _alpha;
        return _stabilised ? alpha / Math.Sqrt(rank) : alpha / rank;
    }

    static int? Rank(JsonElement config, AdapterFindings findings)
    {
        if (!config.TryGetProperty("r", out JsonElement value))
        {
            return DefaultRank;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int rank) && rank > 0)
        {
            return rank;
        }

        findings.AddSetting("r", FindingKind.WrongSetting, $"r is {Shown(config, "r")}; a whole number of 1 or more is needed.",
            "Set r to the rank of the tensors.");
        return null;
    }

    static double Alpha(JsonElement config, AdapterFindings findings)
    {
        if (!config.TryGetProperty("lora_alpha", out JsonElement value))
        {
            return DefaultAlpha;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double alpha) && double.IsFinite(alpha))
        {
            return alpha;
        }

        findings.AddSetting("lora_alpha", FindingKind.WrongSetting, $"lora_alpha is {Shown(config, "lora_alpha")}; a number is needed.",
            "Set lora_alpha to the value the adapter was trained with.");
        return DefaultAlpha;
    }
}
