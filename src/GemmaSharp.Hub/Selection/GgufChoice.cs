using System.Globalization;
using System.Text.RegularExpressions;
using GemmaSharp.Checkpoints.Gguf;

namespace GemmaSharp.Hub.Selection;

/// <summary>The files of one form in a repository of GGUF files, which its files' names tell: <c>gemma-3n-E2B-it-Q4_K_M.gguf</c>, perhaps in shards.</summary>
static partial class GgufChoice
{
    /// <summary>The file or shards of a form, its projector, and what is beside them that describes them.</summary>
    /// <param name="reference">The repository.</param>
    /// <param name="files">Its files.</param>
    /// <param name="variant">The form.</param>
    /// <param name="isExcluded">Which files are not wanted, so that another projector is chosen or none.</param>
    /// <exception cref="HubException">There is no such form, or several files have it.</exception>
    public static IReadOnlyList<HubFile> Choose(HubReference reference, IReadOnlyList<HubFile> files, string variant, Func<HubFile, bool> isExcluded)
    {
        HubFile[] models = [.. files.Where(IsModel)];
        if (models.Length == 0)
        {
            throw new HubException(HubFailure.NoSuchFile, $"{reference.Id} has no GGUF files; leave out \":{variant}\" for its safetensors.");
        }

        HubFile[] chosen = [.. models.Where(file => variant.Equals(GgufFileNames.Form(file.Path), StringComparison.OrdinalIgnoreCase))];
        string[] names = [.. chosen.Select(file => Unsharded(file.Path)).Distinct()];
        string? projector = Projector([.. files.Where(file => IsModel(file) || !isExcluded(file)).Select(file => file.Path)], variant);
        return names.Length switch
        {
            0 => throw new HubException(HubFailure.NoSuchFile, $"{reference.Id} has no form \"{variant}\"; it has {FileSelection.Few(Variants(files))}."),
            1 => [.. files.Where(file => chosen.Contains(file) || file.Path == projector || file.Path is "README.md" or "LICENSE" or "config.json")],
            _ => throw new HubException(HubFailure.NoSuchFile, $"{reference.Id} has several files of the form \"{variant}\", "
                + $"{FileSelection.Few(names)}; name one with --include."),
        };
    }

    /// <summary>The forms that there are.</summary>
    public static IReadOnlyList<string> Variants(IReadOnlyList<HubFile> files) => Variants([.. files.Select(file => file.Path)]);

    /// <inheritdoc cref="Variants(IReadOnlyList{HubFile})"/>
    public static IReadOnlyList<string> Variants(IReadOnlyList<string> paths) =>
        [.. paths.Where(GgufFileNames.IsModel).Select(GgufFileNames.Form).OfType<string>().Distinct(StringComparer.OrdinalIgnoreCase)
            .Order(StringComparer.Ordinal)];

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
        paths.Where(path => GgufFileNames.IsModel(path) && variant.Equals(GgufFileNames.Form(path), StringComparison.OrdinalIgnoreCase));

    /// <summary>The projector of a form; null where none is.</summary>
    public static string? Projector(IReadOnlyCollection<string> paths, string variant) =>
        First(paths, variant) is string first ? GgufProjectors.Choose(first, paths) : null;

    /// <summary>The projectors that nothing can be used with when these files of a form are gone.</summary>
    public static IEnumerable<string> Abandoned(IReadOnlyCollection<string> paths, IReadOnlyCollection<string> gone)
    {
        string[] left = [.. paths.Where(GgufFileNames.IsModel).Except(gone)];
        return paths.Where(path => GgufFileNames.IsProjector(path) && gone.Any(model => GgufProjectors.Suits(model, path, paths))
            && !left.Any(model => GgufProjectors.Suits(model, path, paths)));
    }

    static bool IsModel(HubFile file) => GgufFileNames.IsModel(file.Path);

    static string Unsharded(string path) => Shard().Replace(path, ".gguf");

    [GeneratedRegex(@"-[0-9]{5}-of-([0-9]{5})\.gguf\z", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex Shard();
}
