using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace GemmaSharp.Cli;

/// <summary>Help as System.CommandLine writes it, with examples at its end.</summary>
sealed class HelpText(HelpAction builtIn, CliConsole console, IReadOnlyDictionary<Command, string[]> examples) : SynchronousCommandLineAction
{
    // Two columns, with words in them.
    const int LeastWidth = 40;

    /// <inheritdoc/>
    public override bool ClearsParseErrors => true;

    /// <summary>Puts this in place of the help of <paramref name="root"/>.</summary>
    public static void Install(RootCommand root, CliConsole console, IReadOnlyDictionary<Command, string[]> examples)
    {
        foreach (Option option in root.Options)
        {
            if (option is HelpOption { Action: HelpAction builtIn } help)
            {
                builtIn.MaxWidth = console.OutputIsTerminal ? Math.Max(LeastWidth, console.Styled.Profile.Width) : 120;
                help.Action = new HelpText(builtIn, console, examples);
            }
        }
    }

    /// <inheritdoc/>
    public override int Invoke(ParseResult parseResult)
    {
        int exitCode = InvokeBuiltIn(parseResult);
        if (examples.TryGetValue(parseResult.CommandResult.Command, out string[]? lines))
        {
            console.Out.WriteLine("Examples:");
            foreach (string line in lines)
            {
                console.Out.WriteLine("  " + line);
            }

            console.Out.WriteLine();
        }

        return exitCode;
    }

    // An option of all commands that a command has in its own way would be shown twice.
    int InvokeBuiltIn(ParseResult parseResult)
    {
        Command command = parseResult.CommandResult.Command;
        Option[] shadowed = [.. parseResult.RootCommandResult.Command.Options.Where(
            option => !option.Hidden && command.Options.Any(own => own != option && own.Name == option.Name))];
        Array.ForEach(shadowed, option => option.Hidden = true);
        try
        {
            return builtIn.Invoke(parseResult);
        }
        finally
        {
            Array.ForEach(shadowed, option => option.Hidden = false);
        }
    }
}
