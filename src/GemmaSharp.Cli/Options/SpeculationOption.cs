using System.CommandLine;
using System.Globalization;

namespace GemmaSharp.Cli.Options;

/// <summary><c>--speculation</c>: whether next tokens are guessed and checked beside others.</summary>
static class SpeculationOption
{
    const string Name = "--speculation";

    /// <summary>The option; null for as many guesses as pay, 0 for none.</summary>
    public static Option<int?> New() => new(Name)
    {
        HelpName = "auto|off|N",
        Description = "Guess next tokens from how the text went on before, as many as pay, none, or N a step; the answer is the same. Default: auto.",
        CustomParser = result =>
        {
            string text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
            switch (text)
            {
                case "auto":
                    return null;
                case "off":
                    return 0;
            }

            if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count is >= 1 and <= GenerationOptions.MaxSpeculation)
            {
                return count;
            }

            result.AddError(string.Create(
                CultureInfo.InvariantCulture,
                $"{Name} is {(text.Length > 0 ? text : "empty")}; auto, off or a whole number from 1 to {GenerationOptions.MaxSpeculation} is needed."));
            return null;
        },
    };
}
