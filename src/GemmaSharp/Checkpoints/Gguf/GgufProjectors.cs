namespace GemmaSharp.Checkpoints.Gguf;

/// <summary>Which mmproj file belongs to a model, by the names of files alone.</summary>
/// <remarks>Where a projector may lie is llama.cpp's rule (<c>find_best_mmproj</c> in common/download.cpp); which of several is taken is not.</remarks>
static class GgufProjectors
{
    /// <summary>The forms of projectors, the first choice first.</summary>
    /// <remarks>F16 is what converters write and all programs read, BF16 has fewer digits; float32 takes twice the room and has no more to tell.</remarks>
    static readonly string[] s_forms = ["F16", "BF16", "Q8_0", "F32"];

    /// <summary>The mmproj file of a model: in its own folder, or else in the nearest folder above it that has one.</summary>
    /// <param name="model">The model's file, or any part of it, below a root, with <c>/</c>.</param>
    /// <param name="paths">All files below the root.</param>
    public static string? Choose(string model, IEnumerable<string> paths)
    {
        ILookup<string, string> folders = paths.ToLookup(Folder, StringComparer.Ordinal);
        for (string folder = Folder(model); ; folder = Folder(folder))
        {
            if (Among(model, folders[folder]) is string found)
            {
                return found;
            }

            if (folder.Length == 0)
            {
                return null;
            }
        }
    }

    /// <summary>The mmproj file of a model among the files of one folder; null for none.</summary>
    /// <param name="model">The model's file, or any part of it.</param>
    /// <param name="neighbours">The files of the folder: what is named for another model of it is left to that.</param>
    public static string? Among(string model, IEnumerable<string> neighbours)
    {
        string[] files = [.. neighbours];
        string own = Plain(GgufFileNames.Stem(model));
        string[] others = [.. files.Where(GgufFileNames.IsModel).Select(path => Plain(GgufFileNames.Stem(path))).Where(other => other != own).Distinct()];
        return files.Where(GgufFileNames.IsProjector)
            .Select(path => (Path: path, Words: Subject(path)))
            .Select(each => (each.Path, IsOwn: IsNamedFor(own, each.Words), each.Words))
            .Where(each => each.IsOwn || !others.Any(other => IsNamedFor(other, each.Words)))
            .OrderByDescending(each => each.IsOwn)
            .ThenByDescending(each => others.Length == 0 ? 0 : each.Words.Sum(word => word.Length))
            .ThenBy(each => Rank(each.Path))
            .ThenBy(each => each.Path, StringComparer.Ordinal)
            .Select(each => each.Path).FirstOrDefault();
    }

    /// <summary>Whether a model could have a projector by where the two lie.</summary>
    public static bool IsInReach(string model, string projector) =>
        Folder(projector) is var folder && (folder.Length == 0 || model.StartsWith(folder + "/", StringComparison.Ordinal));

    /// <summary>The words before and after <c>mmproj</c> that tell whose it is; none in <c>mmproj-model-f16.gguf</c>.</summary>
    static string[] Subject(string path) =>
        [.. GgufFileNames.Stem(path).ToUpperInvariant().Split("MMPROJ", 2).Select(Plain).Where(word => word is not ("" or "MODEL"))];

    static bool IsNamedFor(string model, string[] words) => Array.TrueForAll(words, word => model.Contains(word, StringComparison.Ordinal));

    static int Rank(string path) =>
        Array.FindIndex(s_forms, form => form.Equals(GgufFileNames.Form(path), StringComparison.OrdinalIgnoreCase)) is >= 0 and int rank ? rank : s_forms.Length;

    /// <summary>Letters and digits: marks between them are anybody's taste.</summary>
    static string Plain(string name) => string.Concat(name.Where(char.IsLetterOrDigit)).ToUpperInvariant();

    static string Folder(string path) => path.LastIndexOf('/') is >= 0 and int mark ? path[..mark] : "";
}
