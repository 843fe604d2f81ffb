using System.Text;
using GemmaSharp.Checkpoints;
using GemmaSharp.Files;
using GemmaSharp.Hub.Cache;
using GemmaSharp.Hub.Selection;

namespace GemmaSharp.Hub;

/// <summary>The cache of downloaded repositories, which the hub's own tools share. Sends no requests.</summary>
/// <remarks>Thread-safe; what other processes do meanwhile is seen at the next call.</remarks>
public sealed partial class HubCache
{
    /// <summary>A commit has 40 characters; anything beyond this is no reference.</summary>
    const int LongestReference = 4096;

    static readonly EnumerationOptions s_everything = new() { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None, MaxRecursionDepth = 16 };

    /// <summary>Opens a cache, which need not exist.</summary>
    /// <param name="options">Where it is; null for what the environment says.</param>
    public HubCache(HubOptions? options = null)
    {
        options ??= new HubOptions();
        Folder = Path.GetFullPath(options.CacheFolder ?? HubEnvironment.Cache(options.Machine.Variable));
    }

    /// <summary>Where it is.</summary>
    public string Folder { get; }

    /// <summary>What a model of a repository is loaded from: its snapshot's folder, or of a GGUF form its first file. Only what is whole.</summary>
    /// <param name="reference">The repository.</param>
    /// <returns>Null when the cache has none, or none that is whole.</returns>
    public string? Find(HubReference reference)
    {
        ArgumentNullException.ThrowIfNull(reference);
        return Candidates(reference).Select(snapshot => Whole(snapshot, reference.Variant)).OfType<string>().FirstOrDefault();
    }

    /// <summary>The folder of a LoRA adapter's snapshot that has its settings and weights.</summary>
    /// <param name="reference">The repository.</param>
    /// <returns>Null when the cache has none.</returns>
    public string? FindAdapter(HubReference reference)
    {
        ArgumentNullException.ThrowIfNull(reference);
        return Candidates(reference).FirstOrDefault(IsAdapter);
    }

    /// <summary>As <see cref="Find"/>, but a snapshot that is not whole when there is no other, so that loading it says what is missing.</summary>
    /// <param name="reference">The repository.</param>
    /// <param name="notice">Told when it is another than the one that was downloaded last, which is not whole.</param>
    internal string? FindAny(HubReference reference, Action<string>? notice)
    {
        string? last = reference.Variant is null ? Candidates(reference).FirstOrDefault() : null, found = Find(reference) ?? last;
        if (last is not null && found != last && last == Named(reference))
        {
            notice?.Invoke($"{reference} was not downloaded to its end ({Path.GetFileName(last)}), so that another snapshot of it is used "
                + $"({Path.GetFileName(found)}).");
        }
        else if (last is not null && found == last && Find(reference) is null)
        {
            notice?.Invoke($"{reference} was not downloaded to its end; \"gemma pull {reference}\" goes on.");
        }

        return found;
    }

    /// <summary>The forms of GGUF files of the snapshot that a reference without a form means; none for other checkpoints.</summary>
    internal IReadOnlyList<string> FormsOf(HubReference reference) =>
        reference.Variant is null && Candidates(reference).FirstOrDefault() is string snapshot && !File.Exists(Path.Combine(snapshot, "model.safetensors"))
            ? GgufChoice.Variants([.. Files(snapshot)]) : [];

    /// <summary>As <see cref="FindAdapter"/>, but a snapshot that is not whole when there is no other.</summary>
    internal string? FindAnyAdapter(HubReference reference) => FindAdapter(reference) ?? Candidates(reference).FirstOrDefault();

    /// <summary>The repository of the cache that alone has a name behind its organisation's; null when none or several have.</summary>
    internal HubReference? FindByName(string name)
    {
        RepositoryFolder[] named = [.. RepositoryFolder.All(Folder).Where(folder => folder.Id.EndsWith("/" + name, StringComparison.OrdinalIgnoreCase))];
        return named.Length == 1 ? HubReference.Parse(named[0].Id) : null;
    }

    /// <summary>What a model is loaded from, of the paths of a snapshot.</summary>
    internal static string ModelPath(string snapshot, string? variant, IEnumerable<string> paths) =>
        variant is not null && GgufChoice.First(paths, variant) is string first ? Path.Combine(snapshot, first.Replace('/', Path.DirectorySeparatorChar))
            : snapshot;

    /// <summary>The snapshots that a reference may mean, the likeliest first: the one that its revision names, and where none is given then the others, the
    /// newest
    /// first.</summary>
    IEnumerable<string> Candidates(HubReference reference)
    {
        string? named = Named(reference);
        if (named is not null)
        {
            yield return named;
        }

        DirectoryInfo snapshots = new(new RepositoryFolder(Folder, reference.Id).Snapshots);
        if (reference.Revision is not null || !snapshots.Exists)
        {
            yield break;
        }

        foreach (DirectoryInfo other in snapshots.EnumerateDirectories().OrderByDescending(each => each.LastWriteTimeUtc))
        {
            if (other.FullName != named)
            {
                yield return other.FullName;
            }
        }
    }

    /// <summary>The snapshot that a reference's revision names; null when that is not known or not there.</summary>
    string? Named(HubReference reference)
    {
        var folder = new RepositoryFolder(Folder, reference.Id);
        return Commit(folder, reference.Revision ?? HubReference.DefaultRevision) is string commit && Directory.Exists(folder.Snapshot(commit))
            ? folder.Snapshot(commit) : null;
    }

    /// <summary>The commit that the cache knows a revision as; null when it knows none.</summary>
    static string? Commit(RepositoryFolder folder, string revision)
    {
        if (HubReference.IsCommit(revision))
        {
            return revision;
        }

        string? commit = SmallFile.TryRead(folder.Ref(revision), LongestReference) is byte[] bytes ? Encoding.UTF8.GetString(bytes).Trim() : null;
        if (commit is { Length: > 0 } && commit.All(char.IsAsciiLetterOrDigit))
        {
            return commit;
        }

        // The beginning of a commit's name, as git takes it.
        const int Shortest = 5;
        string[] begun = revision.Length >= Shortest && revision.All(char.IsAsciiHexDigit) && Directory.Exists(folder.Snapshots)
            ? [.. Directory.EnumerateDirectories(folder.Snapshots, revision + "*").Select(path => Path.GetFileName(path)!)] : [];
        return begun.Length == 1 ? begun[0] : null;
    }

    /// <summary>Whether a snapshot has an adapter's settings and weights.</summary>
    static bool IsAdapter(string snapshot)
    {
        return IsThere("adapter_config.json") && (IsThere("adapter_model.safetensors") || IsThere("adapters.safetensors"));

        bool IsThere(string name) => SnapshotWriter.Length(Path.Combine(snapshot, name)) is not null;
    }

    static string? Whole(string snapshot, string? variant)
    {
        if (variant is null)
        {
            return IsWhole(snapshot, Recorded(snapshot)) ? snapshot : null;
        }

        string[] present = [.. Files(snapshot)];
        return GgufChoice.IsWhole(present, variant) ? ModelPath(snapshot, variant, present) : null;
    }

    /// <summary>Whether a snapshot has its settings, its tokenizer and all its weights, and whatever else of a checkpoint its listing names, where there is
    /// one.
    /// A download that was broken off leaves some of them out.</summary>
    static bool IsWhole(string snapshot, IReadOnlyList<HubFile>? recorded)
    {
        try
        {
            return File.Exists(Path.Combine(snapshot, "config.json")) && File.Exists(Path.Combine(snapshot, "tokenizer.json"))
                && CheckpointFiles.Find(snapshot) is { Missing.Count: 0, Files.Count: > 0 } selection
                && selection.Files.All(path => BoundedFile.Length(path) is not null)
                && (recorded is null || FileSelection.Needed(FileSelection.Checkpoint(recorded))
                    .All(file => BoundedFile.Length(Path.Combine(snapshot, file.Path.Replace('/', Path.DirectorySeparatorChar))) == file.Size));
        }
        catch (Exception error) when (error is CheckpointException || BoundedFile.IsRefusal(error))
        {
            return false;
        }
    }

    /// <summary>The files that the hub listed for a snapshot; null when that was not written down.</summary>
    static IReadOnlyList<HubFile>? Recorded(string snapshot) =>
        TreeFile.TryRead(Path.Combine(snapshot, "..", "..", "trees", Path.GetFileName(snapshot) + ".json"));

    /// <summary>The paths of a snapshot's files, with <c>/</c>; links that lead nowhere are none.</summary>
    static IEnumerable<string> Files(string snapshot) =>
        Directory.EnumerateFiles(snapshot, "*", s_everything)
            .Where(path => SnapshotWriter.Length(path) is not null)
            .Select(path => Path.GetRelativePath(snapshot, path).Replace(Path.DirectorySeparatorChar, '/'));
}
