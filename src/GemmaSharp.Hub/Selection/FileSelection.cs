using System.Text.RegularExpressions;

namespace GemmaSharp.Hub.Selection;

/// <summary>Which files of a repository a checkpoint is: safetensors and what describes them, or one form of several GGUF files.</summary>
static partial class FileSelection
{
    static readonly PathPattern[] s_wanted = Patterns("*.safetensors", "*.json", "tokenizer.model", "*.jinja", "*.txt", "README.md", "LICENSE*", "USE_POLICY*");

    static readonly PathPattern[] s_others = Patterns("*.bin", "*.pt", "*.pth", "*.gguf", "*.onnx", "*.h5", "*.msgpack", "original/*", "onnx/*", "*/.*", ".*");

    static readonly PathPattern[] s_words = Patterns("*.md", "*.txt", "LICENSE*", "USE_POLICY*");

    /// <summary>The files that are wanted, in the order of the listing.</summary>
    /// <exception cref="HubException">None is; the sentence says what there is instead.</exception>
    public static IReadOnlyList<HubFile> Choose(HubReference reference, IReadOnlyList<HubFile> files, IReadOnlyList<string> include,
        IReadOnlyList<string> exclude)
    {
        PathPattern[] included = [.. include.Select(pattern => new PathPattern(pattern, "--include"))];
        PathPattern[] excluded = [.. exclude.Select(pattern => new PathPattern(pattern, "--exclude"))];
        IReadOnlyList<HubFile> chosen = included.Length > 0 ? [.. files.Where(file => Any(included, file))]
            : reference.Variant is string variant ? GgufChoice.Choose(reference, files, variant, file => Any(excluded, file))
            : Checkpoint(files);
        if (included.Length > 0 && chosen.Count == 0)
        {
            throw new HubException(HubFailure.NoSuchFile, $"No file of {reference.Id} matches --include {string.Join(' ', include)}; it has "
                + $"{Few(files.Select(file => file.Path))}.");
        }

        if (included.Length == 0 && reference.Variant is null && !chosen.Any(IsWeights))
        {
            throw new HubException(HubFailure.NoSuchFile, GgufChoice.Variants(files) is { Count: > 0 } variants
                ? $"{reference.Id} has GGUF files and no safetensors; say which form: {Few(variants.Select(each => $"{reference.Id}:{each}"))}."
                : $"{reference.Id} has no safetensors but {Few(files.Select(file => file.Path))}; give the repository of a checkpoint, or the files "
                    + $"with --include.");
        }

        chosen = [.. chosen.Where(file => !Any(excluded, file))];
        return chosen.Count > 0 ? chosen : throw new HubException(HubFailure.NoSuchFile, $"--exclude {string.Join(' ', exclude)} leaves no file of "
            + $"{reference.Id}; leave it out.");
    }

    /// <summary>The files of a safetensors checkpoint.</summary>
    public static IReadOnlyList<HubFile> Checkpoint(IReadOnlyList<HubFile> files)
    {
        HubFile[] wanted = [.. files.Where(file => Any(s_wanted, file) && !Any(s_others, file))];

        // Some repositories hold the weights twice, in shards and as one file: the index says which are read.
        bool sharded = wanted.Any(file => ShardName().IsMatch(file.Path)) && wanted.Any(file => file.Path == "model.safetensors.index.json");
        return sharded ? [.. wanted.Where(file => !IsConsolidated(file.Path))] : wanted;
    }

    /// <summary>Of these files the ones that a model is loaded from.</summary>
    public static IEnumerable<HubFile> Needed(IEnumerable<HubFile> files) => files.Where(file => !Any(s_words, file));

    static bool IsWeights(HubFile file) => file.Path.EndsWith(".safetensors", StringComparison.Ordinal);

    static bool IsConsolidated(string path) => path is "model.safetensors" or "consolidated.safetensors";

    static bool Any(PathPattern[] patterns, HubFile file) => Array.Exists(patterns, pattern => pattern.Matches(file.Path));

    static PathPattern[] Patterns(params string[] patterns) => [.. patterns.Select(pattern => new PathPattern(pattern, "a pattern"))];

    /// <summary>The first of many names.</summary>
    internal static string Few(IEnumerable<string> names)
    {
        string[] all = [.. names];
        return all.Length == 0 ? "no file" : all.Length <= 8 ? string.Join(", ", all)
            : FormattableString.Invariant($"{string.Join(", ", all[..8])} and {all.Length - 8} more");
    }

    [GeneratedRegex(@"\Amodel-[0-9]{5}-of-[0-9]{5}\.safetensors\z", RegexOptions.CultureInvariant)]
    private static partial Regex ShardName();
}
