using System.Text.RegularExpressions;

namespace GemmaSharp.Checkpoints.Gguf;

/// <summary>What the names of GGUF files tell: <c>gemma-3n-E2B-it-Q4_K_M-00001-of-00002.gguf</c>. Paths may have folders, with <c>/</c> or the system's
/// mark.</summary>
static partial class GgufFileNames
{
    const string Ending = ".gguf";

    /// <summary>Whether a file has the ending of GGUF.</summary>
    public static bool HasEnding(string path) => path.EndsWith(Ending, StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether it is the file of a model's towers.</summary>
    public static bool IsProjector(string path) =>
        HasEnding(path) && Path.GetFileName(path).Contains("mmproj", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether it is a model or a part of one: towers are in files of their own, and an importance matrix is no model.</summary>
    public static bool IsModel(string path) =>
        HasEnding(path) && !IsProjector(path) && !Path.GetFileName(path).Contains("imatrix", StringComparison.OrdinalIgnoreCase);

    /// <summary>The form at the end of a name, such as <c>Q4_K_M</c>; null for none.</summary>
    public static string? Form(string path) => FormName().Match(Whole(path)) is { Success: true } match ? match.Groups[1].Value : null;

    /// <summary>What is left of a name without part, form and ending: <c>gemma-3n-E2B-it</c>.</summary>
    public static string Stem(string path)
    {
        string whole = Whole(path);
        return FormName().Match(whole) is { Success: true } form ? whole[..form.Index] : whole;
    }

    /// <summary>A name without part and ending: <c>gemma-3n-E2B-it-Q4_K_M</c>.</summary>
    public static string Whole(string path)
    {
        string name = Path.GetFileName(path);
        return PartName().Replace(HasEnding(name) ? name[..^Ending.Length] : name, "");
    }

    [GeneratedRegex(@"[-._]((?:UD-)?(?:I?Q[0-9](?:_[A-Z0-9]+)*|TQ[0-9]_[0-9]|MXFP4(?:_MOE)?|NVFP4|BF16|F16|F32))\z",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex FormName();

    [GeneratedRegex(@"-[0-9]{5}-of-[0-9]{5}\z", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex PartName();
}
