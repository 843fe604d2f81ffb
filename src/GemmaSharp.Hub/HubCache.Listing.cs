using System.Text.Json;
using GemmaSharp.Checkpoints.Gguf;
using GemmaSharp.Files;
using GemmaSharp.Hub.Cache;
using GemmaSharp.Hub.Selection;

namespace GemmaSharp.Hub;

/// <content>What the cache has.</content>
public sealed partial class HubCache
{
    const int MostConfigBytes = 4 << 20;

    /// <summary>The repositories of models in the cache, in the order of their names. What is no such repository is not looked at.</summary>
    /// <exception cref="HubException">The cache cannot be read.</exception>
    public IReadOnlyList<CachedRepository> List() => Guarded(() =>
        (IReadOnlyList<CachedRepository>)[.. RepositoryFolder.All(Folder).Select(Describe)]);

    static CachedRepository Describe(RepositoryFolder folder)
    {
        ILookup<string, string> revisions = Revisions(folder).ToLookup(each => each.Commit, each => each.Revision);
        CachedSnapshot[] snapshots = [.. Snapshots(folder).Select(snapshot => Describe(snapshot, [.. revisions[snapshot.Name].Order(StringComparer.Ordinal)]))];
        long bytes = 0, unfinished = 0;
        foreach (FileInfo blob in Regular(folder.Blobs))
        {
            _ = IsUnfinished(blob.Name) ? unfinished += AllocatedOf(blob) : bytes += blob.Length;
        }

        // Where there are no links the files themselves lie in the snapshots.
        bytes += snapshots.SelectMany(snapshot => Regular(snapshot.Folder)).Sum(file => file.Length);
        return new CachedRepository(folder.Id, folder.Path, bytes, unfinished, snapshots);
    }

    static CachedSnapshot Describe(DirectoryInfo snapshot, IReadOnlyList<string> revisions)
    {
        string[] present = [.. Files(snapshot.FullName).Order(StringComparer.Ordinal)];
        IReadOnlyList<HubFile>? recorded = Recorded(snapshot.FullName);
        IReadOnlyList<string> forms = GgufChoice.Variants(present);
        string[] missing = forms.Count > 0
            ? [.. forms.SelectMany(form => Wanted(form, [.. recorded?.Select(file => file.Path) ?? present])).Except(present).Distinct()]
            : [.. FileSelection.Needed(FileSelection.Checkpoint(recorded ?? [])).Select(file => file.Path).Except(present)];
        return new CachedSnapshot(snapshot.Name, revisions, snapshot.FullName,
            present.Sum(path => SnapshotWriter.Length(Local(snapshot.FullName, path)) ?? 0), present.Length, missing,
            forms.Count > 0 ? forms.Any(form => Whole(snapshot.FullName, form) is not null) : IsWhole(snapshot.FullName, recorded)
                || IsAdapter(snapshot.FullName),
            forms.Count > 0 ? string.Join(' ', forms) : IsAdapter(snapshot.FullName) ? "LoRA adapter" : Form(Path.Combine(snapshot.FullName, "config.json")),
            [.. present.Where(GgufFileNames.IsProjector)]);

        // Another projector than the one that a pull would choose is as good.
        IEnumerable<string> Wanted(string form, string[] listed) =>
            GgufChoice.Projector(present, form) is null && GgufChoice.Projector(listed, form) is string projector
                ? GgufChoice.Shards(listed, form).Append(projector) : GgufChoice.Shards(listed, form);
    }

    /// <summary>How weights are stored, as a checkpoint's settings say.</summary>
    static string? Form(string config)
    {
        if (SmallFile.TryRead(config, MostConfigBytes) is not byte[] bytes)
        {
            return null;
        }

        try
        {
            using var json = JsonDocument.Parse(bytes);
            JsonElement root = json.RootElement;
            foreach (string name in (string[])["quantization", "quantization_config"])
            {
                if (Property(root, name) is JsonElement quantization && Property(quantization, "bits") is { ValueKind: JsonValueKind.Number } bits)
                {
                    return $"{bits.GetRawText()} bits";
                }
            }

            JsonElement? type = Property(root, "dtype") ?? Property(root, "torch_dtype");
            return type is { ValueKind: JsonValueKind.String } named ? named.GetString() : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    static JsonElement? Property(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement value) ? value : null;

    /// <summary>The branches and tags of a repository and their commits.</summary>
    static IEnumerable<(string Revision, string Commit)> Revisions(RepositoryFolder folder) =>
        Regular(folder.Refs)
            .Select(file => (Path.GetRelativePath(folder.Refs, file.FullName).Replace(Path.DirectorySeparatorChar, '/'),
                SmallFile.TryRead(file.FullName, LongestReference) is byte[] bytes ? System.Text.Encoding.UTF8.GetString(bytes).Trim() : ""))
            .Where(each => each.Item2.Length > 0 && !each.Item1.EndsWith(AtomicFile.Ending, StringComparison.Ordinal));

    static IEnumerable<DirectoryInfo> Snapshots(RepositoryFolder folder) => Directory.Exists(folder.Snapshots)
        ? new DirectoryInfo(folder.Snapshots).EnumerateDirectories().Where(each => each.LinkTarget is null).OrderByDescending(each => each.LastWriteTimeUtc)
        : [];

    /// <summary>Files in a folder and the folders in it that are no links.</summary>
    static IEnumerable<FileInfo> Regular(string folder) => Directory.Exists(folder)
        ? new DirectoryInfo(folder).EnumerateFiles("*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint })
        : [];

    static bool IsUnfinished(string name) => name.EndsWith(".incomplete", StringComparison.Ordinal) || name.Contains(".gemma.", StringComparison.Ordinal);

    // An unfinished file has its whole length from the beginning; what is written of it stands beside it.
    static long AllocatedOf(FileInfo file)
    {
        string name = file.Name;
        if (!name.EndsWith(RepositoryFolder.PartialEnding, StringComparison.Ordinal))
        {
            return file.Length;
        }

        string etag = name[..^RepositoryFolder.PartialEnding.Length];
        var known = new HubFile("", file.Length, etag, etag);
        return Download.Journal.DoneOf(Path.Combine(file.DirectoryName!, etag + RepositoryFolder.JournalEnding), known);
    }

    static string Local(string folder, string path) => Path.Combine(folder, path.Replace('/', Path.DirectorySeparatorChar));

    T Guarded<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new HubException(HubFailure.Storage, $"The cache {Folder} cannot be read ({e.Message.TrimEnd('.')}); check its permissions.", e);
        }
    }
}
