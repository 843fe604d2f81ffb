using System.CommandLine;

namespace GemmaSharp.Cli;

/// <summary>Options that take one of a few words, refused with the value and the words.</summary>
static class Choices
{
    /// <summary>An option with its words; null when not given.</summary>
    public static Option<string?> Option(string name, string helpName, string description, IEnumerable<string> values)
    {
        string[] allowed = [.. values];
        return new Option<string?>(name)
        {
            HelpName = helpName,
            Description = description,
            CustomParser = result =>
            {
                string text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
                if (Array.Find(allowed, word => word.Equals(text, StringComparison.OrdinalIgnoreCase)) is string word)
                {
                    return word;
                }

                result.AddError($"{name} is {(text.Length == 0 ? "empty" : text)}; {OneOf(allowed)} is needed.");
                return null;
            },
        };
    }

    /// <summary>What the word of an option stands for; null when it is not given.</summary>
    public static T? Value<T>(ParseResult parse, Option<string?> option, (string Name, T Value)[] values)
        where T : struct =>
        parse.GetValue(option) is string name ? Array.Find(values, value => value.Name == name).Value : null;

    /// <summary><c>a, b or c</c></summary>
    public static string OneOf(string[] values) => $"{string.Join(", ", values[..^1])} or {values[^1]}";
}
