namespace GemmaSharp.Cli;

/// <summary>Ends a command with a sentence for the user and an exit code.</summary>
public sealed class CliException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="exitCode">One of <see cref="Cli.ExitCode"/>.</param>
    /// <param name="message">One sentence: value found, value needed, way out.</param>
    /// <param name="innerException">What led to it, shown with <c>--verbose</c>.</param>
    public CliException(int exitCode, string message, Exception? innerException = null)
        : base(message, innerException)
    {
        ExitCode = exitCode;
    }

    /// <summary>The program's exit code.</summary>
    public int ExitCode { get; }

    /// <summary>Wrong usage.</summary>
    public static CliException Usage(string message) => new(Cli.ExitCode.Usage, message);

    /// <summary>A refused input file.</summary>
    public static CliException Input(string message, Exception? innerException = null) => new(Cli.ExitCode.InputRefused, message, innerException);
}
