using System.CommandLine;

namespace GemmaSharp.Cli;

/// <summary>The whole program behind a console: parses, runs one command, turns every error into a sentence and an exit code.</summary>
public static class GemmaCommandLine
{
    /// <summary>Runs the program.</summary>
    /// <param name="args">Arguments without the program's name.</param>
    /// <param name="console">Where to read and write.</param>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> args, CliConsole console)
    {
        ArgumentNullException.ThrowIfNull(console);
        var global = new GlobalOptions();
        ParseResult parse = Parse(args, console, global);
        bool verbose = parse.GetResult(global.Verbose) is { Implicit: false };
        try
        {
            if (parse.Errors.Count > 0 && parse.Action is not HelpText)
            {
                throw CliException.Usage(UsageErrors.Describe(parse));
            }

            if (parse.Action is not HelpText && UsageErrors.UnknownOption(parse) is string unknown)
            {
                throw CliException.Usage(unknown);
            }

            if (parse.Action is not HelpText)
            {
                await PullOffer.MakeAsync(parse, global, console).ConfigureAwait(false);
            }

            // Interrupts are the commands' own business: a second Ctrl-C must end the program at once.
            int exitCode = await parse.InvokeAsync(new InvocationConfiguration
            {
                Output = console.Out,
                Error = console.Error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            }).ConfigureAwait(false);
            await console.Out.FlushAsync().ConfigureAwait(false);
            return exitCode;
        }
        catch (Exception error)
        {
            return ErrorReport.Write(error, console, verbose);
        }
    }

    /// <summary>Parses arguments and runs nothing.</summary>
    internal static ParseResult Parse(IReadOnlyList<string> args, CliConsole console) => Parse(args, console, new GlobalOptions());

    // Without the replacer, "@name" stays what the user typed: --prompt @FILE is ours to read.
    internal static ParseResult Parse(IReadOnlyList<string> args, CliConsole console, GlobalOptions global) =>
        BuildRoot(global, console).Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });

    static RootCommand BuildRoot(GlobalOptions global, CliConsole console)
    {
        var root = new RootCommand("Gemma 3n on this computer: text, pictures and speech in, text out.");
        global.AddTo(root);
        var examples = new Dictionary<Command, string[]>
        {
            [root] =
            [
                "gemma run \"What is the capital of Peru?\"",
                "gemma chat",
                "gemma run --image cat.jpg \"Describe this image.\"",
                "gemma COMMAND --help",
            ],
        };
        foreach (CliCommand command in CommandTable.Create(global, console))
        {
            root.Add(command.Command);
            examples[command.Command] = command.Examples;
        }

        HelpText.Install(root, console, examples);
        return root;
    }
}
