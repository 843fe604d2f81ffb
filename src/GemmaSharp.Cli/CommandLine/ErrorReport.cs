using System.Globalization;
using System.Text;
using GemmaSharp.Hub;
using GemmaSharp.Media;
using Microsoft.Win32.SafeHandles;

namespace GemmaSharp.Cli;

/// <summary>Turns every exception into one sentence on standard error and an exit code.</summary>
static class ErrorReport
{
    /// <summary>Reports an error.</summary>
    /// <param name="error">What ended the command.</param>
    /// <param name="console">Where to report it.</param>
    /// <param name="verbose">Whether the stack trace is shown too.</param>
    /// <returns>The exit code.</returns>
    public static int Write(Exception error, CliConsole console, bool verbose)
    {
        bool isOutOfFiles = SpareDescriptors.Release();
        if (error is AggregateException { InnerExceptions.Count: 1 } aggregate)
        {
            error = aggregate.InnerExceptions[0];
        }

        // What fails then is whatever comes next, so the error itself says little.
        (int exitCode, string? message) = isOutOfFiles && error is not (CliException or OperationCanceledException)
            ? (ExitCode.Failed, "Too few files may be open at once here; raise the limit (ulimit -n 256).") : Describe(error);
        try
        {
            console.Out.Flush();
            if (message is not null)
            {
                console.Notice("gemma: " + OneLine(message));
            }

            if (verbose)
            {
                console.Notice(error.ToString());
            }
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            // Nobody is left to be told, or standard error is closed; or a part of the runtime that could not be loaded is asked for again, which it
            // remembers and refuses though there are files to spare by now.
            if (isOutOfFiles && gone is FileNotFoundException or FileLoadException)
            {
                WritePlainly("gemma: Too few files may be open at once here; raise the limit (ulimit -n 256).\n"u8);
            }
        }

        return exitCode;
    }

    // Nothing but what the runtime has loaded to begin at all.
    static void WritePlainly(ReadOnlySpan<byte> text)
    {
        try
        {
            using var stream = new FileStream(new SafeFileHandle(2, ownsHandle: false), FileAccess.Write, bufferSize: 0);
            stream.Write(text);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Standard error is closed.
        }
    }

    /// <summary>The exit code of an error and its sentence; null where nothing is to be said.</summary>
    public static (int ExitCode, string? Message) Describe(Exception error) => error switch
    {
        CliException e => (e.ExitCode, e.Message),
        OperationCanceledException => (ExitCode.Interrupted, null),
        CheckpointWriteException e => (ExitCode.Failed, e.Message),
        CheckpointException { Report: LoadReport report } => (ExitCode.CheckpointRefused, Refusal(report)),
        CheckpointException or ConfigurationException or TokenizerException => (ExitCode.CheckpointRefused, error.Message),
        MediaException or ChatMessageException or ChatTemplateException or ConstraintException => (ExitCode.InputRefused, error.Message),
        HubException { Failure: HubFailure.BadName or HubFailure.BadSetting } => (ExitCode.Usage, error.Message),
        GemmaException => (ExitCode.Failed, error.Message),
        ArgumentException { ParamName: string name } e => (ExitCode.Usage, Argument(e, name)),
        OutOfMemoryException => (ExitCode.Failed,
            "There is not enough memory; use a smaller or more quantised checkpoint, a shorter --context, or close other programs."),
        _ when ClosedOutput.Is(error) => (ExitCode.Done, null),
        IOException or UnauthorizedAccessException => (ExitCode.Failed, error.Message),
        _ => (ExitCode.Failed, $"{error.GetType().Name}: {error.Message} This is an error of the program itself; --verbose shows where."),
    };

    static string Refusal(LoadReport report)
    {
        Finding first = report.Findings.First(f => f.Severity == Severity.Error);
        int errors = report.Count(Severity.Error);
        string problem = first.Problem.TrimEnd('.');
        (string what, string verify) = report.IsAdapter
            ? ($"The adapter in {report.Folder} does not fit its base", $"\"gemma verify --adapter {report.Folder}\" with the same --model")
            : ($"The checkpoint in {report.Folder} does not fit its configuration", $"\"gemma verify --model {report.Folder}\"");
        return errors == 1
            ? $"{what}: {problem}; {verify} tells more."
            : string.Create(CultureInfo.InvariantCulture, $"{what} in {errors} places, the first: {problem}; {verify} lists all.");
    }

    // The library names its own parameter and .NET appends it once more; the user typed the option.
    static string Argument(ArgumentException error, string parameter)
    {
        string message = error.Message;
        int appended = message.IndexOf(" (Parameter '", StringComparison.Ordinal);
        message = appended >= 0 ? message[..appended] : message;
        return message.StartsWith(parameter + " ", StringComparison.Ordinal) ? OptionName(parameter) + message[parameter.Length..] : message;
    }

    static string OptionName(string parameter)
    {
        var name = new StringBuilder("-");
        foreach (char c in parameter)
        {
            name.Append(char.IsUpper(c) || name.Length == 1 ? "-" : "").Append(char.ToLowerInvariant(c));
        }

        return name.ToString();
    }

    static string OneLine(string message) => message.ReplaceLineEndings(" ").Trim();
}
