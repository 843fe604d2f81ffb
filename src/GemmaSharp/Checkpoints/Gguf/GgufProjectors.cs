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
    /// <param name="paths">All files below the root: what is named for another model of them is left to that.</param>
    public static string? Choose(string model, IReadOnlyCollection<string> paths)
    {
        string own = Plain(GgufFileNames.Stem(model));
        return paths.Where(path => GgufFileNames.IsProjector(path) && Suits(model, path, paths))
            .Select(path => (Path: path, Words: Subject(path), HasOthers: Others(model, path, paths).Any()))
            .OrderByDescending(each => Folder(each.Path).Length)
            .ThenByDescending(each => IsCounterpart(model, each.Path))
            .ThenByDescending(each => IsNamedFor(own, each.Words))
            .ThenByDescending(each => each.HasOthers ? each.Words.Sum(word => word.Length) : 0)
            .ThenBy(each => Rank(each.Path))
            .ThenBy(each => each.Path, StringComparer.Ordinal)
            .Select(each => each.Path).FirstOrDefault();
    }

    /// <summary>Whether a model could be used with a projector: by where the two lie, and unless only another model that the projector could be of bears its
    /// name.</summary>
    public static bool Suits(string model, string projector, IEnumerable<string> paths)
    {
        string[] words = Subject(projector);
        return IsInReach(model, projector)
            && (IsNamedFor(Plain(GgufFileNames.Stem(model)), words) || !Others(model, projector, paths).Any(other => IsNamedFor(other, words)));
    }

    /// <summary>The names of the other models that a projector could be of by where it lies.</summary>
    static IEnumerable<string> Others(string model, string projector, IEnumerable<string> paths)
    {
        string own = Plain(GgufFileNames.Stem(model));
        return paths.Where(path => GgufFileNames.IsModel(path) && IsInReach(path, projector)).Select(path => Plain(GgufFileNames.Stem(path)))
            .Where(other => other != own);
    }

    /// <summary>Whether a projector is called as the model is, form included, which is how conversions name the two.</summary>
    static bool IsCounterpart(string model, string projector) =>
        GgufFileNames.Whole(projector).Equals("mmproj-" + GgufFileNames.Whole(model), StringComparison.OrdinalIgnoreCase);

    static bool IsInReach(string model, string projector) =>
        Folder(projector) is var folder && (folder.Length == 0 || model.StartsWith(folder + "/", StringComparison.Ordinal));

    /// <summary>The words before and after <c>mmproj</c> that tell whose it is; none in <c>mmproj-model-f16.gguf</c>.</summary>
    static string[] Subject(string path) =>
        [.. GgufFileNames.Stem(path).ToUpperInvariant().Split("MMPROJ", 2).Select(Plain).Where(word => word is not ("" or "MODEL"))];

    static bool IsNamedFor(string model, string[] words) => Array.TrueForAll(words, word => model.Contains(word, StringComparison.Ordinal));

    static int Rank(string path) =>
        Array.FindIndex(s_forms, form => form.Equals(GgufFileNames.Form(path), StringComparison.OrdinalIgnoreCase)) is >= 0 and int rank
            ? rank : s_forms.Length;

    /// <summary>Letters and digits: marks between them are anybody's taste.</summary>
    static string Plain(string name) => string.Concat(name.Where(char.IsLetterOrDigit)).ToUpperInvariant();

    static string Folder(string path) => path.LastIndexOf('/') is >= 0 and int mark ? path[..mark] : "";
}
