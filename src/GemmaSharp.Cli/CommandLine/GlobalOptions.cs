using System.CommandLine;

namespace GemmaSharp.Cli;

/// <summary>The options every command takes.</summary>
sealed class GlobalOptions
{
    /// <summary>Which checkpoint.</summary>
    public Option<string> Model { get; } = new("--model", "-m")
    {
        Description = "Folder of a checkpoint, a GGUF file, or ORG/NAME of a checkpoint in the Hugging Face cache, with @REVISION or :Q4_K_M behind it if need "
            + "be. Default: the demo checkpoint that comes with the program.",
        HelpName = "PATH|ORG/NAME",
        Recursive = true,
    };

    /// <summary>The towers of a GGUF model.</summary>
    public Option<string?> Projector { get; } = new("--mmproj")
    {
        Description = "The file with the parts of a GGUF model that see and hear. Default: the mmproj file beside the model's, if there is one.",
        HelpName = "FILE",
        Recursive = true,
    };

    /// <summary>The file with the parts that see and hear: the one that is given, or that of a model in Ollama's store; null for the one beside it.</summary>
    public string? ProjectorOf(ParseResult parse) => parse.GetValue(Projector) ?? ModelLocator.Projector(parse.GetValue(Model));

    /// <summary>Downloading what is not there.</summary>
    public Option<bool> Pull { get; } = new("--pull")
    {
        Description = "Download the --model first if the cache does not have it, without asking.",
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
        root.Add(Projector);
        root.Add(Pull);
        root.Add(Threads);
        root.Add(Quiet);
        root.Add(Verbose);
    }
}
