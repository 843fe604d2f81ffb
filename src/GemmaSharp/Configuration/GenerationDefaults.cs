using System.Text.Json;
using GemmaSharp.Files;

namespace GemmaSharp.Configuration;

/// <summary>What <c>generation_config.json</c> recommends, with the stop ids of <c>config.json</c> joined in.</summary>
/// <remarks>The chat loop adds the tokenizer's end of turn to the stop ids. Immutable.</remarks>
sealed record GenerationDefaults
{
    /// <summary>The file this is read from.</summary>
    public const string FileName = "generation_config.json";

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

    /// <summary>Tokens of an answer at least.</summary>
    public int MinNewTokens { get; init; }

    /// <summary>Texts that end an answer.</summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>Start of the random numbers; <see langword="null"/> for a new one each time.</summary>
    public ulong? Seed { get; init; }

    /// <summary>Tokens that are never chosen.</summary>
    public IReadOnlyList<int> SuppressTokens { get; init; } = [];

    /// <summary>What the file asks for and is not done, in a sentence; null for nothing.</summary>
    public string? Warning { get; init; }

    /// <summary>Ids that end an answer: those of <c>generation_config.json</c> and <c>config.json</c>, ascending; <c>[1]</c> when neither says.</summary>
    public IReadOnlyList<int> EosTokenId { get; init; } = [1];

    /// <summary>Every value in effect and where it came from.</summary>
    public IReadOnlyList<EffectiveValue> Values { get; init; } = [];

    /// <summary>Reads <c>generation_config.json</c> of a checkpoint folder; the published values where there is none.</summary>
    /// <exception cref="ConfigurationException">The file is unreadable or holds an impossible value.</exception>
    public static GenerationDefaults Load(string folder, Gemma3nConfig config) => Read(ConfigFile.TryRead(Path.Combine(folder, FileName)), FileName, config);

    /// <summary>Reads the settings.</summary>
    /// <param name="root">The whole object; null where there is none.</param>
    /// <param name="name">What messages call the file that it is from.</param>
    /// <param name="config">The checkpoint's configuration.</param>
    /// <param name="places">Where values stand by their JSON paths, if not in a file of this form; null for where they are read.</param>
    /// <exception cref="ConfigurationException">It holds an impossible value.</exception>
    public static GenerationDefaults Read(JsonElement? root, string name, Gemma3nConfig config, Func<string, ConfigPlace>? places = null)
    {
        var values = new List<EffectiveValue>();
        JsonFields fields = new JsonFields("", values).Add(root, name, "$", places);
        int[] own = fields.IntOrList("eos_token_id", 0, 1 << 24, 1024) ?? [];
        int[] eos = [.. own.Concat(config.EosTokenId).Distinct().Order()];
        if (eos.Length == 0)
        {
            eos = [1];
        }

        fields.Derived("eos_token_id", JsonFields.Compact(eos), places is null
            ? "those of generation_config.json and config.json together, [1] when neither has any" : "those of the tokenizer's keys, [1] when they have none");
        return new GenerationDefaults
        {
            DoSample = fields.Bool("do_sample", true),
            Temperature = fields.Number("temperature", 1, 0, 1000),
            TopK = fields.Int("top_k", 64, 0, 1 << 24),

            // No mass leaves the likeliest token alone, as in transformers.
            TopP = Math.Max(fields.Number("top_p", 0.95, 0, 1), float.Epsilon),
            MinP = fields.Number("min_p", 0, 0, 1),
            RepetitionPenalty = fields.Number("repetition_penalty", 1, 1e-3, 1000),
            MaxNewTokens = fields.Raw("max_new_tokens") is null ? null : fields.Int("max_new_tokens", 0, 1, 1 << 24),
            MinNewTokens = fields.Raw("min_new_tokens") is null ? 0 : fields.Int("min_new_tokens", 0, 0, 1 << 24),
            StopStrings = Texts(fields.Raw("stop_strings")),
            SuppressTokens = fields.IntOrList("suppress_tokens", 0, 1 << 24, 1 << 20) ?? [],
            Warning = Unheeded(root) is { Count: > 0 } unheeded
                ? Sentence.Of($"{name} sets {string.Join(", ", unheeded)}, which {(unheeded.Count == 1 ? "has" : "have")} no effect here") : null,
            EosTokenId = eos,
            Values = values,
        };
    }

    /// <summary>Keys that are done, or say nothing of how answers are drawn.</summary>
    static readonly HashSet<string> s_known = new(StringComparer.Ordinal)
    {
        "do_sample", "temperature", "top_k", "top_p", "min_p", "repetition_penalty", "max_new_tokens", "min_new_tokens", "stop_strings", "suppress_tokens",
        "eos_token_id", "bos_token_id", "pad_token_id", "transformers_version", "use_cache", "cache_implementation", "cache_config", "return_dict_in_generate",
        "output_attentions", "output_hidden_states", "output_scores", "output_logits", "return_legacy_cache", "disable_compile", "compile_config",
    };

    /// <summary>Values with which other keys are off in transformers.</summary>
    static readonly Dictionary<string, double> s_off = new(StringComparer.Ordinal)
    {
        ["num_beams"] = 1,
        ["num_beam_groups"] = 1,
        ["num_return_sequences"] = 1,
        ["length_penalty"] = 1,
        ["diversity_penalty"] = 0,
        ["no_repeat_ngram_size"] = 0,
        ["typical_p"] = 1,
        ["epsilon_cutoff"] = 0,
        ["eta_cutoff"] = 0,
        ["encoder_repetition_penalty"] = 1,
        ["encoder_no_repeat_ngram_size"] = 0,
        ["penalty_alpha"] = 0,
        ["guidance_scale"] = 1,
        ["max_length"] = 20,
        ["min_length"] = 0,
        ["top_h"] = 1,
    };

    /// <summary>Keys that ask for something that is not done.</summary>
    static List<string> Unheeded(JsonElement? root) =>
        root is not { ValueKind: JsonValueKind.Object } file ? []
        : [.. file.EnumerateObject().Where(property => !s_known.Contains(property.Name) && !property.Name.StartsWith('_') && IsOn(property))
            .Select(property => property.Name).Order(StringComparer.Ordinal)];

    static bool IsOn(JsonProperty property) => property.Value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.False => false,
        JsonValueKind.Number => !(s_off.TryGetValue(property.Name, out double off) && property.Value.TryGetDouble(out double value) && value == off),
        JsonValueKind.Array => property.Value.GetArrayLength() > 0,
        JsonValueKind.Object => property.Value.EnumerateObject().Any(),
        JsonValueKind.String => property.Value.GetString()!.Length > 0,
        _ => true,
    };

    static string[] Texts(JsonElement? value) => value switch
    {
        { ValueKind: JsonValueKind.String } one => [one.GetString()!],
        { ValueKind: JsonValueKind.Array } list =>
            [.. list.EnumerateArray().Where(each => each.ValueKind == JsonValueKind.String).Select(each => each.GetString()!).Where(text => text.Length > 0)],
        _ => [],
    };
}
