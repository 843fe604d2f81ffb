using System.Text.RegularExpressions;
using GemmaSharp.Checkpoints.Gguf;
using GemmaSharp.Files;

namespace GemmaSharp.Hub;

/// <summary>Finds the models of Gemma 3n that Ollama, LM Studio and llama.cpp have downloaded. Only looks; stateless, thread-safe.</summary>
public static partial class OtherStores
{
    // PUBLISHER/REPOSITORY/FILE below LM Studio's folder.
    const int Depth = 3;

    /// <summary>All of them, by program and name. What may not be read is left out.</summary>
    public static IReadOnlyList<OtherModel> List() => List(Environment.GetEnvironmentVariable, HubEnvironment.UserFolder(Environment.GetEnvironmentVariable));

    /// <param name="variable">The value of an environment variable.</param>
    /// <param name="user">The user's own folder.</param>
    internal static IReadOnlyList<OtherModel> List(Func<string, string?> variable, string user) =>
    [
        .. OfOllama(variable), .. LmStudioFolders(user).SelectMany(folder => OfFolder("LM Studio", folder)),
        .. OfFolder("llama.cpp", LlamaFolder(variable, user)),
    ];

    static IEnumerable<OtherModel> OfOllama(Func<string, string?> variable)
    {
        try
        {
            return new OllamaStore(null, variable).List()
                .Where(model => model.Family is null ? IsGemma(model.Name) : model.Family.Equals("gemma3n", StringComparison.OrdinalIgnoreCase))
                .Select(model => new OtherModel("Ollama", model.Name, "ollama:" + model.Name, model.Path, model.Projector, model.Bytes));
        }
        catch (HubException)
        {
            return [];
        }
    }

    /// <summary>The GGUF files below a folder, those of one model together, with the file of its towers.</summary>
    static IEnumerable<OtherModel> OfFolder(string program, string folder)
    {
        FileInfo[] files;
        try
        {
            files = Directory.Exists(folder)
                ? [.. new DirectoryInfo(folder).EnumerateFiles("*.gguf", new EnumerationOptions
                {
                    RecurseSubdirectories = true, MaxRecursionDepth = Depth, IgnoreInaccessible = true, MatchCasing = MatchCasing.CaseInsensitive,
                })]
                : [];
        }
        catch (Exception e) when (BoundedFile.IsRefusal(e))
        {
            files = [];
        }

        ILookup<string, string> neighbours = files.ToLookup(file => file.DirectoryName!, file => file.Name, StringComparer.Ordinal);
        return files.Where(file => IsGemma(Path.GetRelativePath(folder, file.FullName)) && GgufFileNames.IsModel(file.Name))
            .GroupBy(file => Part().Replace(file.FullName, ""), StringComparer.Ordinal)
            .Select(model =>
            {
                FileInfo first = model.OrderBy(file => file.Name, StringComparer.Ordinal).First();
                string name = Path.GetRelativePath(folder, Part().Replace(first.FullName, "")).Replace(Path.DirectorySeparatorChar, '/');
                string? projector = GgufProjectors.Choose(first.Name, [.. neighbours[first.DirectoryName!]]) is string beside
                    ? Path.Combine(first.DirectoryName!, beside) : null;
                return new OtherModel(program, name[..^".gguf".Length], first.FullName, first.FullName, projector,
                    model.Sum(file => file.Length) + files.Where(file => file.FullName == projector).Sum(file => file.Length));
            })
            .OrderBy(model => model.Name, StringComparer.Ordinal);
    }

    static bool IsGemma(string name) => Gemma().IsMatch(name);

    static string[] LmStudioFolders(string user) => [Path.Combine(user, ".lmstudio", "models"), Path.Combine(user, ".cache", "lm-studio", "models")];

    static string LlamaFolder(Func<string, string?> variable, string user)
    {
        if (variable("LLAMA_CACHE") is { Length: > 0 } named)
        {
            return named;
        }

        string caches = OperatingSystem.IsMacOS() ? Path.Combine(user, "Library", "Caches")
            : OperatingSystem.IsWindows() ? variable("LOCALAPPDATA") ?? Path.Combine(user, "AppData", "Local")
            : variable("XDG_CACHE_HOME") is { Length: > 0 } xdg ? xdg : Path.Combine(user, ".cache");
        return Path.Combine(caches, "llama.cpp");
    }

    [GeneratedRegex("gemma[-_. ]?3n", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Gemma();

    [GeneratedRegex(@"-[0-9]{5}-of-[0-9]{5}(?=\.gguf\z)", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Part();
}
