using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace GemmaSharp.Cli;

/// <summary>Help as System.CommandLine writes it, with examples at its end.</summary>
sealed class HelpText(HelpAction builtIn, CliConsole console, IReadOnlyDictionary<Command, string[]> examples) : SynchronousCommandLineAction
{
    /// <inheritdoc/>
    public override bool ClearsParseErrors => true;

    /// <summary>Puts this in place of the help of <paramref name="root"/>.</summary>
    public static void Install(RootCommand root, CliConsole console, IReadOnlyDictionary<Command, string[]> examples)
    {
        foreach (Option option in root.Options)
        {
            if (option is HelpOption { Action: HelpAction builtIn } help)
            {
                builtIn.MaxWidth = console.OutputIsTerminal ? console.Styled.Profile.Width : 120;
                help.Action = new HelpText(builtIn, console, examples);
            }
        }
    }

    /// <inheritdoc/>
    public override int Invoke(ParseResult parseResult)
    {
        int exitCode = builtIn.Invoke(parseResult);
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
}
