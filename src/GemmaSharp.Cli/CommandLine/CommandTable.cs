using GemmaSharp.Cli.Commands;

namespace GemmaSharp.Cli;

/// <summary>The commands in the order in which the help lists them.</summary>
static class CommandTable
{
    /// <summary>Makes them all.</summary>
    public static IEnumerable<CliCommand> Create(GlobalOptions global, CliConsole console) =>
    [
        RunCommand.Create(global, console),
        ChatCommand.Create(global, console),
        InspectCommand.Create(global, console),
        VerifyCommand.Create(global, console),
        ConvertCommand.Create(global, console),
        TokenizeCommand.Create(global, console),
        SchemaCommand.Create(global, console),
        TraceCommand.Create(global, console),
        DiffCommand.Create(global, console),
        BenchCommand.Create(global, console),
    ];
}
