namespace GemmaSharp.Checkpoints;

/// <summary>What a checkpoint is called, as its place tells.</summary>
static class CheckpointName
{
    /// <summary>The repository of a snapshot in the hub's cache (<c>models--OWNER--NAME/snapshots/REVISION</c>), or the folder's name.</summary>
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

        string name = Path.GetFileName(full);
        return name.Length > 0 ? name : full;
    }
}
