using System.Globalization;
using System.Text.RegularExpressions;

namespace GemmaSharp.Hub.Selection;

/// <summary>The files of one form in a repository of GGUF files, which its files' names tell: <c>gemma-3n-E2B-it-Q4_K_M.gguf</c>, perhaps in shards.</summary>
static partial class GgufChoice
{
    /// <summary>The file or shards of a form, and what is beside them that describes them.</summary>
    /// <exception cref="HubException">There is no such form, or several files have it.</exception>
    public static IReadOnlyList<HubFile> Choose(HubReference reference, IReadOnlyList<HubFile> files, string variant)
    {
        HubFile[] models = [.. files.Where(IsModel)];
        if (models.Length == 0)
        {
            throw new HubException(HubFailure.NoSuchFile, $"{reference.Id} has no GGUF files; leave out \":{variant}\" for its safetensors.");
        }

        HubFile[] chosen = [.. models.Where(file => variant.Equals(Variant(file.Path), StringComparison.OrdinalIgnoreCase))];
        string[] names = [.. chosen.Select(file => Unsharded(file.Path)).Distinct()];
        return names.Length switch
        {
            0 => throw new HubException(HubFailure.NoSuchFile, $"{reference.Id} has no form \"{variant}\"; it has {FileSelection.Few(Variants(files))}."),
            1 => [.. files.Where(file => chosen.Contains(file) || file.Path is "README.md" or "LICENSE" or "config.json")],
            _ => throw new HubException(HubFailure.NoSuchFile, $"{reference.Id} has several files of the form \"{variant}\", "
                + $"{FileSelection.Few(names)}; name one with --include."),
        };
    }

    /// <summary>The forms that there are.</summary>
    public static IReadOnlyList<string> Variants(IReadOnlyList<HubFile> files) => Variants([.. files.Select(file => file.Path)]);

    /// <inheritdoc cref="Variants(IReadOnlyList{HubFile})"/>
    public static IReadOnlyList<string> Variants(IReadOnlyList<string> paths) =>
        [.. paths.Where(IsModel).Select(Variant).OfType<string>().Distinct(StringComparer.OrdinalIgnoreCase).Order(StringComparer.Ordinal)];

    /// <summary>Whether the shards of a form are all there, by the number that their names tell.</summary>
    public static bool IsWhole(IReadOnlyCollection<string> paths, string variant)
    {
        string[] files = [.. Shards(paths, variant)];
        return files.Length > 0 && files.All(path => Shard().Match(path) is not { Success: true } shard
            || int.Parse(shard.Groups[1].ValueSpan, NumberStyles.None,
                CultureInfo.InvariantCulture) == files.Count(other => Unsharded(other) == Unsharded(path)));
    }

    /// <summary>The first file of a form, by which the others are found; null for none.</summary>
    public static string? First(IEnumerable<string> paths, string variant) =>
        Shards(paths, variant).Order(StringComparer.Ordinal).FirstOrDefault();

    /// <summary>All files of a form.</summary>
    public static IEnumerable<string> Shards(IEnumerable<string> paths, string variant) =>
        paths.Where(path => IsModel(path) && variant.Equals(Variant(path), StringComparison.OrdinalIgnoreCase));

    static bool IsModel(HubFile file) => IsModel(file.Path);

    // Towers are in files of their own, and an importance matrix is no model.
    static bool IsModel(string path) => path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase)
        && !Name(path).StartsWith("mmproj", StringComparison.OrdinalIgnoreCase) && !Name(path).Contains("imatrix", StringComparison.OrdinalIgnoreCase);

    static string? Variant(string path) => Form().Match(Unsharded(Name(path))) is { Success: true } match ? match.Groups[1].Value : null;

    static string Name(string path) => path[(path.LastIndexOf('/') + 1)..];

    static string Unsharded(string path) => Shard().Replace(path, ".gguf");

    [GeneratedRegex(@"[-._]((?:UD-)?(?:I?Q[0-9](?:_[A-Z0-9]+)*|TQ[0-9]_[0-9]|MXFP4(?:_MOE)?|NVFP4|BF16|F16|F32))\.gguf\z",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex Form();

    [GeneratedRegex(@"-[0-9]{5}-of-([0-9]{5})\.gguf\z", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex Shard();
}
