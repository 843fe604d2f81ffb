using System.Text;
using System.Text.RegularExpressions;
using GemmaSharp.Files;

namespace GemmaSharp.Cli;

/// <summary>Finds the folder that <c>--model</c> means.</summary>
static partial class ModelLocator
{
    const string Demo = "gemma-3n-demo";

    /// <summary>A commit has 40 characters; anything beyond this is no reference.</summary>
    const int LongestReference = 4096;

    /// <summary>The folder of a checkpoint.</summary>
    /// <param name="model">A path, <c>ORG/NAME</c>, or null for the demo checkpoint.</param>
    /// <exception cref="CliException">Nothing is found under that name.</exception>
    public static string Find(string? model) => Find(model, HubCache(Environment.GetEnvironmentVariable));

    /// <inheritdoc cref="Find(string?)"/>
    internal static string Find(string? model, string cache)
    {
        if (model is null)
        {
            return FindDemo();
        }

        if (model.Length == 0)
        {
            throw CliException.Usage("--model is empty; give the folder of a checkpoint, or ORG/NAME of one in the Hugging Face cache.");
        }

        if (Path.Exists(model) || !RepositoryName().IsMatch(model))
        {
            // A path that leads nowhere is refused by the checkpoint reader, in its own words.
            return model;
        }

        return FindSnapshot(cache, model) ?? throw new CliException(
            ExitCode.CheckpointRefused,
            $"{model} is neither a folder nor in the Hugging Face cache {cache}; download it with \"hf download {model}\", or give the folder of a "
                + $"checkpoint.");
    }

    /// <summary>The demo checkpoint beside the program, or in the checkout the program was built in.</summary>
    static string FindDemo()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string demo = Path.Combine(folder.FullName, "models", Demo);
            if (File.Exists(Path.Combine(demo, "config.json")))
            {
                return demo;
            }
        }

        throw new CliException(
            ExitCode.CheckpointRefused,
            $"The demo checkpoint models/{Demo} is not beside the program in {AppContext.BaseDirectory}; install it again, or give a checkpoint with --model.");
    }

    /// <summary>The hub's cache folder, by the hub's own rules.</summary>
    /// <param name="variable">The value of an environment variable; null when it is not set.</param>
    internal static string HubCache(Func<string, string?> variable)
    {
        if (variable("HF_HUB_CACHE") is { Length: > 0 } hub)
        {
            return hub;
        }

        if (variable("HF_HOME") is { Length: > 0 } home)
        {
            return Path.Combine(home, "hub");
        }

        string caches = variable("XDG_CACHE_HOME") is { Length: > 0 } xdg
            ? xdg
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        return Path.Combine(caches, "huggingface", "hub");
    }

    /// <summary>The snapshot that <c>refs/main</c> names, else the newest; null when there is none.</summary>
    static string? FindSnapshot(string cache, string model)
    {
        string repository = Path.Combine(cache, "models--" + model.Replace("/", "--", StringComparison.Ordinal));
        string main = Path.Combine(repository, "refs", "main");
        if (File.Exists(main) && BoundedFile.ReadRegular(main, LongestReference) is byte[] reference)
        {
            string commit = Encoding.UTF8.GetString(reference).Trim();
            string snapshot = Path.Combine(repository, "snapshots", commit);
            if (Commit().IsMatch(commit) && Directory.Exists(snapshot))
            {
                return snapshot;
            }
        }

        DirectoryInfo snapshots = new(Path.Combine(repository, "snapshots"));
        return snapshots.Exists ? snapshots.EnumerateDirectories().MaxBy(folder => folder.LastWriteTimeUtc)?.FullName : null;
    }

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$", RegexOptions.CultureInvariant)]
    private static partial Regex RepositoryName();

    [GeneratedRegex("^[A-Za-z0-9]+$", RegexOptions.CultureInvariant)]
    private static partial Regex Commit();
}
