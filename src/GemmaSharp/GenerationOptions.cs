using GemmaSharp.Configuration;

namespace GemmaSharp;

/// <summary>How an answer is drawn and when it ends. What is null is taken from the checkpoint's <c>generation_config.json</c>.</summary>
/// <remarks>Immutable; change a copy with <c>with</c>.</remarks>
public sealed record GenerationOptions
{
    static readonly IReadOnlyDictionary<int, float> s_noBias = new Dictionary<int, float>();

    /// <summary>The most tokens to generate, 1 or more; null: as many as the context holds.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>Divides the logits; 0 is greedy (the most likely token, the lowest id on ties). 0 or more, finite.</summary>
    public float? Temperature { get; init; }

    /// <summary>Keeps the k most likely tokens (and those tied with the last); 0 keeps all.</summary>
    public int? TopK { get; init; }

    /// <summary>Keeps the most likely tokens until their probabilities sum to this; in (0, 1], 1 keeps all.</summary>
    public float? TopP { get; init; }

    /// <summary>Keeps tokens at least this fraction as likely as the most likely one; in [0, 1], 0 keeps all.</summary>
    public float? MinP { get; init; }

    /// <summary>Logits of tokens in prompt or answer are divided by this where positive and multiplied where negative; above 0, 1 is off.</summary>
    public float? RepetitionPenalty { get; init; }

    /// <summary>Subtracted from the logits of tokens already in the answer; 0 is off.</summary>
    public float PresencePenalty { get; init; }

    /// <summary>Subtracted from a token's logit once for each time it is in the answer; 0 is off.</summary>
    public float FrequencyPenalty { get; init; }

    /// <summary>Start of the random numbers: the same seed gives the same tokens. Null: that of <see cref="ModelDefaults"/>, or else a new one each
    /// time.</summary>
    public ulong? Seed { get; init; }

    /// <summary>Texts that end the answer; neither they nor what follows is part of it.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <summary>Never choose an end-of-sequence token, so that the answer runs to <see cref="MaxTokens"/>.</summary>
    public bool IgnoreEos { get; init; }

    /// <summary>How many of the most likely tokens to report with each token, with their log-probabilities; null: none, 0: the chosen token's alone.</summary>
    public int? Logprobs { get; init; }

    /// <summary>Never choose an end-of-sequence token before this many tokens; 0 or more.</summary>
    public int? MinTokens { get; init; }

    /// <summary>Added to the logits of single tokens before everything else, by id: finite, or −∞, which bans a token. Null for none.</summary>
    public IReadOnlyDictionary<int, float>? LogitBias { get; init; }

    /// <summary>What the answer has to be; null for anything.</summary>
    public Constraint? Constraint { get; init; }

    /// <summary>The tools that the answer may call; null for none.</summary>
    public ToolOptions? Tools { get; init; }

    /// <summary>
    /// How many next tokens are guessed from how prompt and answer went on before, and checked in the step of the token before them; null: as many as are
    /// measured to pay, or what <see cref="GemmaModelOptions.Speculation"/> says; 0: none. From 0 to <see cref="MaxSpeculation"/>. The answer's tokens are
    /// the same whatever this is, at any temperature and under every other option.
    /// </summary>
    public int? Speculation { get; init; }

    /// <summary>Checks every value and names the first that is out of its range.</summary>
    /// <exception cref="ArgumentException">A value is out of its range.</exception>
    public void Validate()
    {
        Require(MaxTokens is null or >= 1, nameof(MaxTokens), MaxTokens, "1 or more, or none for as many as fit");
        Require(Temperature is null or (>= 0 and <= float.MaxValue), nameof(Temperature), Temperature, "0 (greedy) or a positive number");
        Require(TopK is null or >= 0, nameof(TopK), TopK, "0 (off) or more");
        Require(TopP is null or (> 0 and <= 1), nameof(TopP), TopP, "above 0 and at most 1 (off)");
        Require(MinP is null or (>= 0 and <= 1), nameof(MinP), MinP, "from 0 (off) to 1");
        Require(RepetitionPenalty is null or (> 0 and <= float.MaxValue), nameof(RepetitionPenalty), RepetitionPenalty, "above 0 (1 is off)");
        Require(float.IsFinite(PresencePenalty), nameof(PresencePenalty), PresencePenalty, "a finite number");
        Require(float.IsFinite(FrequencyPenalty), nameof(FrequencyPenalty), FrequencyPenalty, "a finite number");
        Require(Logprobs is null or (>= 0 and <= MaxLogprobs), nameof(Logprobs), Logprobs, $"from 0 to {MaxLogprobs}");
        Require(MinTokens is null or >= 0, nameof(MinTokens), MinTokens, "0 (off) or more");
        Require(Speculation is null or (>= 0 and <= MaxSpeculation), nameof(Speculation), Speculation, $"from 0 (off) to {MaxSpeculation}");
        foreach ((int id, float bias) in LogitBias ?? s_noBias)
        {
            Require(float.IsFinite(bias) || float.IsNegativeInfinity(bias), nameof(LogitBias), FormattableString.Invariant($"{bias} at token {id}"),
                "a finite number, or minus infinity to ban a token");
        }

        Require(Stop is not null, nameof(Stop), "null", "a list, empty for none");
        foreach (string? stop in Stop!)
        {
            Require(stop is { Length: > 0 }, nameof(Stop), stop is null ? "a list with a null" : "an empty text", "texts of at least one character");
        }

        Tools?.Validate();

        static void Require(bool holds, string name, object? found, string needed)
        {
            if (!holds)
            {
                throw new ArgumentException(FormattableString.Invariant($"{name} is {found}; it must be {needed}."), name);
            }
        }
    }

    /// <summary>Refuses biases of tokens that the model does not have.</summary>
    /// <param name="vocabulary">One more than the largest id with a logit.</param>
    /// <exception cref="ArgumentException">There is one.</exception>
    internal void RequireVocabulary(int vocabulary)
    {
        foreach (int id in (LogitBias ?? s_noBias).Keys)
        {
            if ((uint)id >= (uint)vocabulary)
            {
                throw new ArgumentException(
                    FormattableString.Invariant($"{nameof(LogitBias)} has token {id}, and the vocabulary ends at {vocabulary - 1}; use ids from 0 to there."));
            }
        }
    }

    /// <summary>The same with what they leave open taken from the checkpoint's settings, and stop texts and biases of their own.</summary>
    internal GenerationOptions Resolved(GenerationDefaults defaults) => this with
    {
        MaxTokens = MaxTokens ?? defaults.MaxNewTokens,
        Temperature = Temperature ?? (defaults.DoSample ? (float)defaults.Temperature : 0f),
        TopK = TopK ?? defaults.TopK,
        TopP = TopP ?? (float)defaults.TopP,
        MinP = MinP ?? (float)defaults.MinP,
        RepetitionPenalty = RepetitionPenalty ?? (float)defaults.RepetitionPenalty,
        MinTokens = MinTokens ?? defaults.MinNewTokens,
        Seed = Seed ?? defaults.Seed,
        Stop = Stop is null ? null! : Stop.Count > 0 ? [.. Stop] : [.. defaults.StopStrings],
        LogitBias = Biases(LogitBias, defaults.SuppressTokens),
    };

    /// <summary>Biases in a table of their own, with those that are banned by default.</summary>
    static Dictionary<int, float>? Biases(IReadOnlyDictionary<int, float>? own, IReadOnlyList<int> banned)
    {
        if (own is null && banned.Count == 0)
        {
            return null;
        }

        var biases = new Dictionary<int, float>(own ?? s_noBias);
        foreach (int id in banned)
        {
            biases.TryAdd(id, float.NegativeInfinity);
        }

        return biases;
    }

    /// <summary>The most alternatives that <see cref="Logprobs"/> may ask for.</summary>
    public const int MaxLogprobs = 100;

    /// <summary>The most tokens that <see cref="Speculation"/> may ask for: a step's rows of one answer, but for the token that is certain.</summary>
    public const int MaxSpeculation = Generation.Feed.MostTokens - 1;
}
