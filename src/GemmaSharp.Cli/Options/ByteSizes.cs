using System.CommandLine;
using System.Globalization;

namespace GemmaSharp.Cli.Options;

/// <summary>Options that take amounts of memory: <c>512MiB</c>, <c>2GB</c>, or bytes.</summary>
static class ByteSizes
{
    static readonly (string Unit, long Bytes)[] s_units =
    [
        ("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30), ("TiB", 1L << 40),
        ("kB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000),
        ("K", 1L << 10), ("M", 1L << 20), ("G", 1L << 30), ("B", 1), ("", 1),
    ];

    /// <summary>An option; null when not given.</summary>
    public static Option<long?> Option(string name, string description) => new(name)
    {
        HelpName = "SIZE",
        Description = description,
        CustomParser = result =>
        {
            string text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
            if (Parse(text) is long bytes)
            {
                return bytes;
            }

            result.AddError($"{name} is {(text.Length > 0 ? text : "empty")}; an amount of memory such as 512MiB or 2GiB is needed.");
            return null;
        },
    };

    /// <summary>The same whose amount may be left out.</summary>
    public static Option<long?> OptionWithout(string name, string description)
    {
        Option<long?> option = Option(name, description);
        Func<System.CommandLine.Parsing.ArgumentResult, long?> parse = option.CustomParser!;
        option.Arity = ArgumentArity.ZeroOrOne;
        option.CustomParser = result => result.Tokens.Count == 0 ? null : parse(result);
        return option;
    }

    /// <summary>Reads an amount; null where it is none, or nothing at all.</summary>
    public static long? Parse(string text)
    {
        foreach ((string unit, long bytes) in s_units)
        {
            if (text.EndsWith(unit, StringComparison.OrdinalIgnoreCase)
                && double.TryParse(text[..^unit.Length], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number)
                && number * bytes is >= 1 and < 1L << 62)
            {
                return (long)(number * bytes);
            }
        }

        return null;
    }
}
