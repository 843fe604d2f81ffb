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
        ServeCommand.Create(global, console),
        PullCommand.Create(global, console),
        ListCommand.Create(global, console),
        RemoveCommand.Create(global, console),
        InspectCommand.Create(global, console),
        VerifyCommand.Create(global, console),
        ConvertCommand.Create(global, console),
        TokenizeCommand.Create(global, console),
        SchemaCommand.Create(global, console),
        LookCommand.Create(global, console),
        TraceCommand.Create(global, console),
        DiffCommand.Create(global, console),
        CertifyCommand.Create(global, console),
        BenchCommand.Create(global, console),
    ];
}
