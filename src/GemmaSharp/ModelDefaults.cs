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

    /// <summary>Start of the random numbers of answers whose request names none, so that they are the same each time; <see langword="null"/> for a new one each
    /// time.</summary>
    public ulong? Seed { get; init; }

    /// <summary>Turns that stand between the system text and every conversation, as examples: texts of user and assistant by turns, the assistant's
    /// last.</summary>
    public IReadOnlyList<ChatMessage> Messages { get; init; } = [];

    /// <summary>The text of its licence, to be shown; <see langword="null"/> for none.</summary>
    public string? License { get; init; }

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
        Seed = Seed ?? own.Seed,
    };

    /// <summary>A conversation as the model gets it: with the system text where it has none, and the example turns before its own.</summary>
    internal IReadOnlyList<ChatMessage> Before(IReadOnlyList<ChatMessage> messages)
    {
        bool hasSystem = messages is [{ Role: ChatMessage.SystemRole }, ..];
        ChatMessage? system = hasSystem ? messages[0] : System is string text ? ChatMessage.System(text) : null;
        return (hasSystem || system is null) && Messages.Count == 0 ? messages
            : [.. system is null ? (ChatMessage[])[] : [system], .. Messages, .. messages.Skip(hasSystem ? 1 : 0)];
    }

    /// <summary>Whether turns can stand before every conversation.</summary>
    internal static bool AreExamples(IReadOnlyList<ChatMessage> messages) =>
        messages.Count % 2 == 0 && messages.Select((message, i) => message.Pieces.All(piece => piece is TextPart)
            && message.Role == (i % 2 == 0 ? ChatMessage.UserRole : ChatMessage.AssistantRole)).All(isRight => isRight);

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

        if (!AreExamples(Messages))
        {
            throw new ArgumentException(
                $"{nameof(Messages)} are of {string.Join(", ", Messages.Select(message => message.Role))}; they must be texts of user and assistant by turns.",
                nameof(Messages));
        }
    }
}
