using System.CommandLine;

namespace GemmaSharp.Cli.Options;

/// <summary>How an answer is drawn and when it ends.</summary>
sealed class SamplingOptions
{
    readonly Option<int?> _maxTokens = Numbers.Whole(
        "--max-tokens", "N", "The most tokens to generate. Default: the checkpoint's, else as many as the context holds.", 1);
    readonly Option<double?> _temperature = Numbers.Real("--temperature", "T", "0 is greedy; above 1 is wilder. Default: the checkpoint's.",
        t => t is >= 0 and <= float.MaxValue, "0 (greedy) or a positive number");
    readonly Option<int?> _topK = Numbers.Whole("--top-k", "K", "Draw from the K most likely tokens; 0 for all. Default: the checkpoint's.", 0);
    readonly Option<double?> _topP = Numbers.Real("--top-p", "P", "Draw from the most likely tokens that sum to P; 1 for all. Default: the checkpoint's.",
        p => p is > 0 and <= 1, "a number above 0 and at most 1");
    readonly Option<double?> _minP = Numbers.Real(
        "--min-p", "P", "Draw from tokens at least P times as likely as the most likely one; 0 for all.", p => p is >= 0 and <= 1, "a number from 0 to 1");
    readonly Option<double?> _repetitionPenalty = Numbers.Real("--repetition-penalty", "R", "Makes tokens of prompt and answer less likely; 1 is off.",
        r => r is > 0 and <= float.MaxValue, "a number above 0 (1 is off)");
    readonly Option<double?> _presencePenalty = Numbers.Real("--presence-penalty", "R", "Subtracted from logits of tokens already in the answer; 0 is off.",
        r => r is >= float.MinValue and <= float.MaxValue, "a number (0 is off)");
    readonly Option<double?> _frequencyPenalty = Numbers.Real(
        "--frequency-penalty", "R", "Subtracted from a token's logit for each time it is in the answer; 0 is off.",
        r => r is >= float.MinValue and <= float.MaxValue, "a number (0 is off)");
    readonly Option<ulong?> _seed = Numbers.Seed("--seed", "N", "The same seed gives the same answer. Default: the model's, or a new one each time.");
    readonly Option<string[]> _stop = new("--stop") { HelpName = "TEXT", Description = "Ends the answer before this text; may be given several times." };
    readonly Option<bool> _ignoreEos = new("--ignore-eos") { Description = "Never end the answer before --max-tokens." };

    readonly Option<int?> _speculation = SpeculationOption.New();

    /// <summary>Adds them to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_maxTokens, _temperature, _topK, _topP, _minP, _repetitionPenalty, _presencePenalty, _frequencyPenalty, _seed,
            _stop, _ignoreEos, _speculation])
        {
            command.Add(option);
        }
    }

    /// <summary>What was chosen.</summary>
    /// <exception cref="ArgumentException">A value is out of its range.</exception>
    public GenerationOptions Read(ParseResult parse)
    {
        var options = new GenerationOptions
        {
            MaxTokens = parse.GetValue(_maxTokens),
            Temperature = (float?)parse.GetValue(_temperature),
            TopK = parse.GetValue(_topK),
            TopP = (float?)parse.GetValue(_topP),
            MinP = (float?)parse.GetValue(_minP),
            RepetitionPenalty = (float?)parse.GetValue(_repetitionPenalty),
            PresencePenalty = (float)(parse.GetValue(_presencePenalty) ?? 0),
            FrequencyPenalty = (float)(parse.GetValue(_frequencyPenalty) ?? 0),
            Seed = parse.GetValue(_seed),
            Stop = parse.GetValue(_stop) ?? [],
            IgnoreEos = parse.GetValue(_ignoreEos),
            Speculation = parse.GetValue(_speculation),
        };
        options.Validate();
        return options;
    }
}
