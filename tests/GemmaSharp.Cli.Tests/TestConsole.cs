namespace GemmaSharp.Cli.Tests;

/// <summary>A console in memory.</summary>
sealed class TestConsole : IDisposable
{
    readonly StringWriter _output = new() { NewLine = "\n" };
    readonly StringWriter _error = new() { NewLine = "\n" };

    public TestConsole(string input = "", bool terminal = false) =>
        Console = new CliConsole(new StringReader(input), _output, _error) { InputIsTerminal = terminal, OutputIsTerminal = terminal, ErrorIsTerminal = terminal };

    public CliConsole Console { get; }

    public string Output => _output.ToString();

    public string Error => _error.ToString();

    public void Dispose()
    {
        _output.Dispose();
        _error.Dispose();
    }

    /// <summary>Runs the program in this process.</summary>
    public static async Task<(int ExitCode, string Output, string Error)> RunAsync(string input, params string[] arguments)
    {
        using var console = new TestConsole(input);
        int exitCode = await GemmaCommandLine.RunAsync(arguments, console.Console);
        return (exitCode, console.Output, console.Error);
    }
}
