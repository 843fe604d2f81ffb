using System.Text.RegularExpressions;

namespace GemmaSharp.Checkpoints;

/// <summary>What a checkpoint is called, as its place tells.</summary>
static partial class CheckpointName
{
    /// <summary>The repository of a snapshot in the hub's cache (<c>models--OWNER--NAME/snapshots/REVISION</c>), or the folder's name, or that of the
    /// GGUF file without its ending and number.</summary>
    public static string Of(string path)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        const string Prefix = "models--";
        string? snapshots = Path.GetDirectoryName(full);
        string repository = Path.GetFileName(Path.GetDirectoryName(snapshots) ?? "");
        if (Path.GetFileName(snapshots) == "snapshots" && repository.StartsWith(Prefix, StringComparison.Ordinal))
        {
            return repository[Prefix.Length..].Replace("--", "/", StringComparison.Ordinal);
        }

        string name = GgufEnding().Replace(Path.GetFileName(full), "");
        return name.Length > 0 ? name : full;
    }

    [GeneratedRegex("(-[0-9]{5}-of-[0-9]{5})?\\.gguf$", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex GgufEnding();
}
