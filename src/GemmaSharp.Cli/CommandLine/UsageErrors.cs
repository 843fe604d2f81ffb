using System.CommandLine;
using System.CommandLine.Parsing;

namespace GemmaSharp.Cli;

/// <summary>Says in one sentence what is wrong with a command line.</summary>
static class UsageErrors
{
    /// <summary>The sentence for the first error.</summary>
    public static string Describe(ParseResult parse)
    {
        Command command = parse.CommandResult.Command;
        string path = Path(parse.CommandResult);
        string way = $"see \"{path} --help\"";
        string[] unmatched = [.. parse.UnmatchedTokens];
        if (command is RootCommand)
        {
            return unmatched.Length == 0
                ? $"No command is given; {way}."
                : $"\"{unmatched[0]}\" is no command of gemma; {Nearest(unmatched[0], command.Subcommands.Select(c => c.Name), way)}.";
        }

        if (unmatched.Length > 0)
        {
            return UnknownOption(parse)
                ?? $"\"{Shorten(unmatched[0])}\" is one argument more than \"{path}\" takes; put a text with spaces into quotes, or {way}.";
        }

        ParseError error = parse.Errors[0];
        string message = error.Message.TrimEnd('.', ' ');
        if (error.SymbolResult is OptionResult { Tokens.Count: 0 } option)
        {
            return option.IdentifierToken is Token given ? $"{given.Value} has no value; give it one, or {way}." : $"{option.Option.Name} is missing; {way}.";
        }

        if (error.SymbolResult is ArgumentResult { Tokens.Count: 0, Argument: { } argument } && command.Arguments.Contains(argument))
        {
            return $"{argument.HelpName ?? argument.Name} is missing; {way}.";
        }

        if (error.SymbolResult is OptionResult { Option: { } many } repeated && repeated.Tokens.Count > many.Arity.MaximumNumberOfValues)
        {
            return $"{many.Name} is given {repeated.Tokens.Count} times; give it once.";
        }

        return message + ".";
    }

    /// <summary>The sentence for something that looks like an option and is none, which the parser takes for an argument; null when there is nothing of the
    /// kind.</summary>
    public static string? UnknownOption(ParseResult parse)
    {
        if (parse.Tokens.Any(token => token.Type == TokenType.DoubleDash))
        {
            return null;
        }

        // Arguments come before what is left over, but a mistyped option before its value.
        string? found = parse.CommandResult.Children.OfType<ArgumentResult>().SelectMany(argument => argument.Tokens).Select(token => token.Value)
            .Concat(parse.UnmatchedTokens)
            .FirstOrDefault(token => token.Length > 1 && token[0] == '-' && (token[1] == '-' || char.IsAsciiLetter(token[1]))
                && !token.Contains(' ', StringComparison.Ordinal));
        string path = Path(parse.CommandResult);
        return found is null ? null : $"{found} is no option of \"{path}\"; {Nearest(found, Options(parse.CommandResult), $"see \"{path} --help\"")}.";
    }

    static string Nearest(string found, IEnumerable<string> names, string way)
    {
        string? best = null;
        int least = Math.Max(2, found.Length / 3) + 1;
        foreach (string name in names)
        {
            int distance = Distance(found, name);
            if (distance < least)
            {
                (best, least) = (name, distance);
            }
        }

        return best is null ? way : $"did you mean {best}? Or {way}";
    }

    static IEnumerable<string> Options(CommandResult? result)
    {
        for (; result is not null; result = result.Parent as CommandResult)
        {
            foreach (Option option in result.Command.Options)
            {
                yield return option.Name;
            }
        }
    }

    static string Path(CommandResult result) =>
        result.Parent is CommandResult parent ? $"{Path(parent)} {result.Command.Name}" : "gemma";

    static string Shorten(string text) => text.Length <= 40 ? text : text[..37] + "...";

    /// <summary>Levenshtein's distance.</summary>
    static int Distance(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int above = row[j];
                row[j] = Math.Min(Math.Min(above, row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                diagonal = above;
            }
        }

        return row[^1];
    }
}
