namespace GemmaSharp.Cli.Output;

/// <summary>Asks a person for a yes.</summary>
static class Confirmation
{
    /// <summary>Asks; anything but a yes is a no.</summary>
    /// <param name="console">Where a person reads and types.</param>
    /// <param name="question">A question.</param>
    public static bool Ask(CliConsole console, string question)
    {
        console.Error.Write($"gemma: {AnswerWriter.Visible(question)} [y/N] ");
        console.Error.Flush();
        return console.In.ReadLine()?.Trim().ToUpperInvariant() is "Y" or "YES";
    }
}
