using System.CommandLine;

namespace GemmaSharp.Cli;

/// <summary>The options every command takes.</summary>
sealed class GlobalOptions
{
    /// <summary>Which checkpoint.</summary>
    public Option<string> Model { get; } = new("--model", "-m")
    {
        Description = "Folder of a checkpoint, or ORG/NAME of one in the Hugging Face cache. Default: the demo checkpoint that comes with the program.",
        HelpName = "PATH|ORG/NAME",
        Recursive = true,
    };

    /// <summary>How many threads compute.</summary>
    public Option<int?> Threads { get; } = Numbers.Whole("--threads", "N", "Threads that compute. Default: one per core.", 1, 1024, recursive: true);

    /// <summary>No notices.</summary>
    public Option<bool> Quiet { get; } = new("--quiet", "-q") { Description = "No notices and no progress on standard error.", Recursive = true };

    /// <summary>More detail.</summary>
    public Option<bool> Verbose { get; } = new("--verbose") { Description = "Logs to standard error, and stack traces with errors.", Recursive = true };

    /// <summary>A fresh <c>--json</c> option for a command that has a result.</summary>
    public static Option<bool> NewJson() => new("--json") { Description = "Print the result as one JSON object." };

    /// <summary>Adds all of them to the root.</summary>
    public void AddTo(RootCommand root)
    {
        root.Add(Model);
        root.Add(Threads);
        root.Add(Quiet);
        root.Add(Verbose);
    }
}
