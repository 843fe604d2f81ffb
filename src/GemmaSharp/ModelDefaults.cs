using GemmaSharp.Configuration;

namespace GemmaSharp;

/// <summary>
/// What a model is asked with unless a request says otherwise, as programs that keep models under names of their own let one choose. It goes before what the
/// checkpoint itself recommends. Immutable.
/// </summary>
public sealed record ModelDefaults
{
    /// <summary>The system text of conversations that have none; <see langword="null"/> for none.</summary>
    public string? System { get; init; }

    /// <summary>Divisor of the logits, 0 or more, 0 for the likeliest token; <see langword="null"/> for the checkpoint's.</summary>
    public double? Temperature { get; init; }

    /// <summary>How many of the likeliest tokens stay, 0 for all; <see langword="null"/> for the checkpoint's.</summary>
    public int? TopK { get; init; }

    /// <summary>Probability mass that stays, above 0 and at most 1; <see langword="null"/> for the checkpoint's.</summary>
    public double? TopP { get; init; }

    /// <summary>Least probability relative to the likeliest token, 0 to 1; <see langword="null"/> for the checkpoint's.</summary>
    public double? MinP { get; init; }

    /// <summary>Penalty on tokens that occurred, above 0, 1 for none; <see langword="null"/> for the checkpoint's.</summary>
    public double? RepetitionPenalty { get; init; }

    /// <summary>Tokens of an answer at most, 1 or more; <see langword="null"/> for the checkpoint's.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>Texts that end an answer, beside the checkpoint's.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <summary>
    /// The most tokens of a conversation, 1 or more, where <see cref="GemmaModelOptions.ContextLength"/> does not say; <see langword="null"/> for the
    /// checkpoint's.
    /// </summary>
    public int? ContextLength { get; init; }

    /// <summary>What a user should know of settings that have no effect, in a sentence; it joins <see cref="GemmaModel.Warnings"/>.</summary>
    public string? Warning { get; init; }

    /// <summary>A checkpoint's recommendations with these before them.</summary>
    internal GenerationDefaults Over(GenerationDefaults own) => own with
    {
        DoSample = Temperature is double t ? t > 0 : own.DoSample,
        Temperature = Temperature ?? own.Temperature,
        TopK = TopK ?? own.TopK,
        TopP = TopP ?? own.TopP,
        MinP = MinP ?? own.MinP,
        RepetitionPenalty = RepetitionPenalty ?? own.RepetitionPenalty,
        MaxNewTokens = MaxTokens ?? own.MaxNewTokens,
        StopStrings = [.. own.StopStrings, .. Stop],
    };

    /// <exception cref="ArgumentException">A value is out of its range.</exception>
    internal void Validate()
    {
        (string Name, double? Value, bool Holds, string Needed)[] values =
        [
            (nameof(Temperature), Temperature, Temperature is null or (>= 0 and <= float.MaxValue), "0 or more"),
            (nameof(TopK), TopK, TopK is null or >= 0, "0 or more"),
            (nameof(TopP), TopP, TopP is null or (> 0 and <= 1), "above 0 and at most 1"),
            (nameof(MinP), MinP, MinP is null or (>= 0 and <= 1), "from 0 to 1"),
            (nameof(RepetitionPenalty), RepetitionPenalty, RepetitionPenalty is null or (> 0 and <= float.MaxValue), "above 0"),
            (nameof(MaxTokens), MaxTokens, MaxTokens is null or >= 1, "1 or more"),
            (nameof(ContextLength), ContextLength, ContextLength is null or >= 1, "1 or more"),
        ];
        foreach ((string name, double? value, bool holds, string needed) in values)
        {
            if (!holds)
            {
                throw new ArgumentException(FormattableString.Invariant($"{name} is {value}; it must be {needed}."), name);
            }
        }
    }
}
