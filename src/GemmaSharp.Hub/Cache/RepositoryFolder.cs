namespace GemmaSharp.Hub.Cache;

/// <summary>Where the parts of one repository lie in the cache. Source: huggingface_hub, file_download.py.</summary>
/// <remarks>
/// <code>
/// .locks/models--org--name/{etag}.lock
/// models--org--name/refs/main               the commit of a branch or tag
/// models--org--name/blobs/{etag}            contents, named by their checksums
/// models--org--name/snapshots/{commit}/…    links to contents, or the files themselves
/// models--org--name/trees/{commit}.json     all files of a commit
/// </code>
/// </remarks>
sealed class RepositoryFolder
{
    const string Prefix = "models--";

    /// <summary>How the files of unfinished downloads end; the hub's own tools take <c>*.incomplete</c> for leftovers and never for contents.</summary>
    public const string PartialEnding = ".gemma.incomplete";

    /// <summary>How the files end that say what has arrived of an unfinished download.</summary>
    public const string JournalEnding = ".gemma.json";

    public RepositoryFolder(string cache, string id)
    {
        (Cache, Id) = (cache, id);
        string name = Prefix + id.Replace("/", "--", StringComparison.Ordinal);
        Path = System.IO.Path.Combine(cache, name);
        Locks = System.IO.Path.Combine(cache, ".locks", name);
    }

    public string Cache { get; }

    public string Id { get; }

    public string Path { get; }

    public string Locks { get; }

    public string Blobs => System.IO.Path.Combine(Path, "blobs");

    public string Refs => System.IO.Path.Combine(Path, "refs");

    public string Snapshots => System.IO.Path.Combine(Path, "snapshots");

    public string Trees => System.IO.Path.Combine(Path, "trees");

    public string Blob(string etag) => System.IO.Path.Combine(Blobs, etag);

    public string Partial(string etag) => Blob(etag) + PartialEnding;

    public string Journal(string etag) => Blob(etag) + JournalEnding;

    public string Lock(string etag) => System.IO.Path.Combine(Locks, etag + ".lock");

    public string Ref(string revision) => System.IO.Path.Combine(Refs, Local(revision));

    public string Snapshot(string commit) => System.IO.Path.Combine(Snapshots, commit);

    public string Tree(string commit) => System.IO.Path.Combine(Trees, commit + ".json");

    /// <summary>Where a file of a snapshot lies.</summary>
    public string File(string commit, string path) => System.IO.Path.Combine(Snapshot(commit), Local(path));

    /// <summary>Where the link to a content leads, from a file of a snapshot: <c>../../blobs/{etag}</c>, further up for files in folders.</summary>
    public static string LinkTarget(string path, string etag) =>
        string.Concat(Enumerable.Repeat(".." + System.IO.Path.DirectorySeparatorChar, 2 + path.Count(c => c == '/')))
        + System.IO.Path.Combine("blobs", etag);

    /// <summary>The repositories of a cache, whose folders' names are those of repositories; nothing else is looked at.</summary>
    public static IEnumerable<RepositoryFolder> All(string cache)
    {
        var folder = new DirectoryInfo(cache);
        if (!folder.Exists)
        {
            yield break;
        }

        foreach (DirectoryInfo each in folder.EnumerateDirectories(Prefix + "*").OrderBy(each => each.Name, StringComparer.Ordinal))
        {
            string id = each.Name[Prefix.Length..].Replace("--", "/", StringComparison.Ordinal);
            if (each.LinkTarget is null && HubReference.IsId(id))
            {
                yield return new RepositoryFolder(cache, id);
            }
        }
    }

    static string Local(string path) => path.Replace('/', System.IO.Path.DirectorySeparatorChar);
}
