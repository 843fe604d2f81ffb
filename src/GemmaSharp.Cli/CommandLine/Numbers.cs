using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace GemmaSharp.Cli;

/// <summary>Options that take numbers: read the same in every culture, refused with the value and the range.</summary>
static class Numbers
{
    /// <summary>A whole number in a range; null when not given.</summary>
    public static Option<int?> Whole(string name, string helpName, string description, int min, int max = int.MaxValue, bool recursive = false) => new(name)
    {
        HelpName = helpName,
        Description = description,
        Recursive = recursive,
        CustomParser = result =>
        {
            if (int.TryParse(Text(result), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) && value >= min && value <= max)
            {
                return value;
            }

            result.AddError($"{name} is {Shown(result)}; a whole number {Range(min, max)} is needed.");
            return null;
        },
    };

    /// <summary>A whole number of 64 bits without a sign; null when not given.</summary>
    public static Option<ulong?> Seed(string name, string helpName, string description) => new(name)
    {
        HelpName = helpName,
        Description = description,
        CustomParser = result =>
        {
            if (ulong.TryParse(Text(result), NumberStyles.None, CultureInfo.InvariantCulture, out ulong value))
            {
                return value;
            }

            result.AddError($"{name} is {Shown(result)}; a whole number from 0 to {ulong.MaxValue} is needed.");
            return null;
        },
    };

    /// <summary>A finite number for which <paramref name="holds"/>; null when not given.</summary>
    public static Option<double?> Real(string name, string helpName, string description, Func<double, bool> holds, string needed) => new(name)
    {
        HelpName = helpName,
        Description = description,
        CustomParser = result =>
        {
            if (double.TryParse(Text(result), NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value) && holds(value))
            {
                return value;
            }

            result.AddError($"{name} is {Shown(result)}; {needed} is needed.");
            return null;
        },
    };

    static string Text(ArgumentResult result) => result.Tokens.Count == 1 ? result.Tokens[0].Value : "";

    static string Shown(ArgumentResult result) => Text(result) is { Length: > 0 } text ? text : "empty";

    static string Range(int min, int max) => max == int.MaxValue ? $"of {min} or more" : $"from {min} to {max}";
}
