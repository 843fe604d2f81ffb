using System.CommandLine;
using System.Globalization;

namespace GemmaSharp.Cli.Options;

/// <summary>An adapter on the command line: <c>DIR</c> or <c>DIR=WEIGHT</c>, or <c>ORG/NAME</c> in the Hugging Face cache in place of the folder.</summary>
/// <param name="Folder">Its folder.</param>
/// <param name="Weight">Its weight.</param>
readonly record struct AdapterArgument(string Folder, float Weight)
{
    /// <summary>A new option that takes them.</summary>
    /// <param name="name">The option's name.</param>
    /// <param name="description">What it does with them.</param>
    public static Option<string[]> NewOption(string name, string description) => new(name) { HelpName = "DIR[=WEIGHT]", Description = description };

    /// <summary>Reads one.</summary>
    /// <remarks>
    /// A folder may have any name: where the whole text is a folder it is that folder, otherwise what follows the last <c>=</c> is the weight. So <c>a=1</c> is
    /// the folder of that name if there is one, and <c>a=1=0.5</c> gives it a weight.
    /// </remarks>
    /// <exception cref="CliException">The weight is no finite number.</exception>
    public static AdapterArgument Parse(string text, string option)
    {
        if (text.Length == 0)
        {
            throw CliException.Usage($"{option} is empty; give the folder of an adapter, or ORG/NAME of one in the Hugging Face cache.");
        }

        int sign = text.LastIndexOf('=');
        if (sign <= 0 || Directory.Exists(text))
        {
            return new AdapterArgument(ModelLocator.FindAdapter(text), 1f);
        }

        string weight = text[(sign + 1)..];
        return float.TryParse(weight, NumberStyles.Float, CultureInfo.InvariantCulture, out float value) && float.IsFinite(value)
            ? new AdapterArgument(ModelLocator.FindAdapter(text[..sign]), value)
            : throw CliException.Usage($"{option} has the weight {weight}; a number is needed, such as {option} {text[..sign]}=0.5, or the folder alone.");
    }
}
