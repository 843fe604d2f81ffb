using System.Text.Json;

namespace GemmaSharp.Configuration;

/// <summary>What <c>generation_config.json</c> recommends, with the stop ids of <c>config.json</c> joined in.</summary>
/// <remarks>The chat loop adds the tokenizer's end of turn to the stop ids. Immutable.</remarks>
sealed record GenerationDefaults
{
    /// <summary>Whether to draw; otherwise the likeliest token is taken.</summary>
    public bool DoSample { get; init; } = true;

    /// <summary>Divisor of the logits.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>How many of the likeliest tokens stay; 0 for all.</summary>
    public int TopK { get; init; } = 64;

    /// <summary>Probability mass that stays.</summary>
    public double TopP { get; init; } = 0.95;

    /// <summary>Least probability relative to the likeliest token; 0 for none.</summary>
    public double MinP { get; init; }

    /// <summary>Penalty on tokens that occurred; 1 for none.</summary>
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>Tokens of an answer at most; <see langword="null"/> when the file does not say.</summary>
    public int? MaxNewTokens { get; init; }

    /// <summary>Ids that end an answer: those of <c>generation_config.json</c> and <c>config.json</c>, ascending; <c>[1]</c> when neither says.</summary>
    public IReadOnlyList<int> EosTokenId { get; init; } = [1];

    /// <summary>Every value in effect and where it came from.</summary>
    public IReadOnlyList<EffectiveValue> Values { get; init; } = [];

    /// <summary>Reads <c>generation_config.json</c> of a checkpoint folder; the published values where there is none.</summary>
    /// <exception cref="ConfigurationException">The file is unreadable or holds an impossible value.</exception>
    public static GenerationDefaults Load(string folder, Gemma3nConfig config)
    {
        const string Name = "generation_config.json";
        JsonElement? root = ConfigFile.TryRead(Path.Combine(folder, Name));
        var values = new List<EffectiveValue>();
        JsonFields fields = new JsonFields("", values).Add(root, Name);
        int[] own = fields.IntOrList("eos_token_id", 0, 1 << 24, 1024) ?? [];
        int[] eos = [.. own.Concat(config.EosTokenId).Distinct().Order()];
        if (eos.Length == 0)
        {
            eos = [1];
        }

        fields.Derived("eos_token_id", JsonFields.Compact(eos), "those of generation_config.json and config.json together, [1] when neither has any");
        return new GenerationDefaults
        {
            DoSample = fields.Bool("do_sample", true),
            Temperature = fields.Number("temperature", 1, 0, 1000),
            TopK = fields.Int("top_k", 64, 0, 1 << 24),
            TopP = fields.Number("top_p", 0.95, 0, 1),
            MinP = fields.Number("min_p", 0, 0, 1),
            RepetitionPenalty = fields.Number("repetition_penalty", 1, 1e-3, 1000),
            MaxNewTokens = fields.Raw("max_new_tokens") is null ? null : fields.Int("max_new_tokens", 0, 1, 1 << 24),
            EosTokenId = eos,
            Values = values,
        };
    }
}
