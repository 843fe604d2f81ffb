using System.Diagnostics;
using System.Text;

namespace GemmaSharp.EndToEnd.Tests;

/// <summary>Runs the built program as a user's shell would.</summary>
static class GemmaProcess
{
    static readonly TimeSpan s_patience = TimeSpan.FromMinutes(3);

    /// <summary>The program beside the tests.</summary>
    public static string Program { get; } = Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "gemma.exe" : "gemma");

    /// <summary>Runs it to its end with closed or given input.</summary>
    public static GemmaResult Run(params string[] arguments) => RunWith("", arguments);

    /// <summary>Runs it with something on standard input.</summary>
    public static GemmaResult RunWith(string input, params string[] arguments) => Run(Program, input, arguments);

    /// <summary>Runs a shell script in which <c>$GEMMA</c> is the program.</summary>
    public static GemmaResult Shell(string script) => Run("/bin/bash", "", ["-c", script]);

    /// <summary>Runs it to its end with variables of its own.</summary>
    public static GemmaResult RunIn(IReadOnlyDictionary<string, string> variables, params string[] arguments) => Run(Program, "", arguments, variables);

    /// <summary>Starts it and leaves it running.</summary>
    public static Process Start(params string[] arguments) => Start(Program, arguments, null);

    static GemmaResult Run(string program, string input, string[] arguments, IReadOnlyDictionary<string, string>? variables = null)
    {
        using Process process = Start(program, arguments, variables);
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        if (!process.WaitForExit(s_patience))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"gemma {string.Join(' ', arguments)} was still running after {s_patience}.");
        }

        return new GemmaResult(process.ExitCode, output.Result, error.Result);
    }

    static Process Start(string program, string[] arguments, IReadOnlyDictionary<string, string>? variables)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = new UTF8Encoding(false),
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        start.Environment["GEMMA"] = Program;
        foreach ((string name, string value) in variables ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }
}

/// <summary>What a run left behind.</summary>
sealed record GemmaResult(int ExitCode, string Output, string Error)
{
    /// <summary>The error is one line that begins with the program's name, and no stack trace.</summary>
    public void AssertRefused(int exitCode, params string[] mentions)
    {
        Assert.Equal((exitCode, ""), (ExitCode, Output));
        string line = Assert.Single(Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("gemma: ", line, StringComparison.Ordinal);
        Assert.EndsWith(".", line.TrimEnd('"'), StringComparison.Ordinal);
        foreach (string mention in mentions)
        {
            Assert.Contains(mention, line, StringComparison.Ordinal);
        }
    }
}
