using GemmaSharp.Hub.Cache;
using GemmaSharp.Hub.Selection;

namespace GemmaSharp.Hub;

/// <content>Removing what is not wanted any more.</content>
public sealed partial class HubCache
{
    /// <summary>What removing a repository means, or of it a revision, or a form of its GGUF files. Removes nothing.</summary>
    /// <remarks>The projector goes with the last form that it could be used with.</remarks>
    /// <param name="reference">What is to go.</param>
    /// <exception cref="HubException">The cache has no such thing, or cannot be read.</exception>
    public CacheRemoval PlanRemoval(HubReference reference)
    {
        ArgumentNullException.ThrowIfNull(reference);
        return Guarded(() => Plan(reference));
    }

    /// <summary>Removes what a plan says: what leads to files first, and the files last.</summary>
    /// <param name="removal">The plan.</param>
    /// <exception cref="HubException">Another process downloads something of it or has it open, or it cannot be removed. What is left is sound.</exception>
    public void Remove(CacheRemoval removal)
    {
        ArgumentNullException.ThrowIfNull(removal);
        var folder = new RepositoryFolder(Folder, removal.Reference.Id);
        List<FileLock> locks = TakeAll(folder, removal);
        try
        {
            Delete(folder, removal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new HubException(HubFailure.Storage, $"{removal.Reference} cannot be removed from {Folder} ({e.Message.TrimEnd('.')}); end the "
                + $"programs that use it, or check the permissions.", e);
        }
        finally
        {
            locks.ForEach(held => held.Dispose());
        }
    }

    CacheRemoval Plan(HubReference reference)
    {
        var folder = new RepositoryFolder(Folder, reference.Id);
        if (!Directory.Exists(folder.Path))
        {
            throw new HubException(HubFailure.NotFoundOrLogin, $"{reference.Id} is not in the cache {Folder}; \"gemma list\" shows what is.");
        }

        // Whoever made a link may have meant another place to be kept.
        foreach (string part in (string[])[folder.Path, folder.Blobs, folder.Snapshots, folder.Refs, folder.Trees])
        {
            if (new DirectoryInfo(part).LinkTarget is string target)
            {
                throw new HubException(HubFailure.Storage, $"{part} is a link to {target}, which is not followed when removing; remove it yourself.");
            }
        }

        (string Revision, string Commit)[] revisions = [.. Revisions(folder)];
        DirectoryInfo[] snapshots = [.. Snapshots(folder)];
        return reference.Variant is string variant ? PlanForm(folder, reference, variant, Chosen(reference, folder, snapshots), snapshots)
            : reference.Revision is not null ? PlanSnapshots(folder, reference, Chosen(reference, folder, snapshots), snapshots, revisions)
            : new CacheRemoval(reference, [.. snapshots.Select(each => each.Name)], [.. revisions.Select(each => each.Revision)],
                Regular(folder.Path).Sum(file => IsUnfinished(file.Name) ? AllocatedOf(file) : file.Length), IsWholeRepository: true);
    }

    DirectoryInfo[] Chosen(HubReference reference, RepositoryFolder folder, DirectoryInfo[] snapshots)
    {
        string? commit = reference.Revision is string revision ? Commit(folder, revision) : null;
        DirectoryInfo[] chosen = [.. snapshots.Where(each => reference.Revision is null || each.Name == commit)];
        return chosen.Length > 0 ? chosen : throw new HubException(HubFailure.NoSuchRevision,
            $"The cache {Folder} has no \"{reference.Revision}\" of {reference.Id}; it has {FileSelection.Few(snapshots.Select(each => each.Name))}.");
    }

    static CacheRemoval PlanSnapshots(
        RepositoryFolder folder, HubReference reference, DirectoryInfo[] chosen, DirectoryInfo[] all, (string Revision, string Commit)[] revisions)
    {
        HashSet<string> kept = Contents(all.Where(each => !chosen.Contains(each)).SelectMany(Links));
        string[] contents = [.. Contents(chosen.SelectMany(Links)).Except(kept).Select(folder.Blob)];
        string[] commits = [.. chosen.Select(each => each.Name)];
        bool everything = chosen.Length == all.Length;
        return new CacheRemoval(reference, commits, [.. revisions.Where(each => commits.Contains(each.Commit)).Select(each => each.Revision)],
            everything ? Regular(folder.Path).Sum(file => IsUnfinished(file.Name) ? AllocatedOf(file) : file.Length)
                : contents.Sum(path => SnapshotWriter.Length(path) ?? 0) + chosen.SelectMany(each => Regular(each.FullName)).Sum(file => file.Length),
            everything)
        { Contents = contents };
    }

    static CacheRemoval PlanForm(RepositoryFolder folder, HubReference reference, string variant, DirectoryInfo[] chosen, DirectoryInfo[] all)
    {
        FileInfo[] links = [.. chosen.SelectMany(snapshot => WithProjectors(snapshot.FullName).Select(path => new FileInfo(Local(snapshot.FullName, path))))];
        if (links.Length == 0)
        {
            throw new HubException(HubFailure.NoSuchFile, $"The cache has no form \"{variant}\" of {reference.Id}; it has "
                + $"{FileSelection.Few(chosen.SelectMany(snapshot => GgufChoice.Variants([.. Files(snapshot.FullName)])).Distinct())}.");
        }

        string[] paths = [.. links.Select(link => link.FullName)];
        HashSet<string> kept = Contents(all.SelectMany(Links).Where(link => !paths.Contains(link.FullName)));
        string[] contents = [.. Contents(links).Except(kept).Select(folder.Blob)];
        return new CacheRemoval(reference, [], [],
            contents.Sum(path => SnapshotWriter.Length(path) ?? 0) + links.Where(link => link.LinkTarget is null).Sum(link => link.Length),
                IsWholeRepository: false)
        { Links = paths, Contents = contents };

        string[] WithProjectors(string snapshot)
        {
            string[] files = [.. Files(snapshot)], shards = [.. GgufChoice.Shards(files, variant)];
            return [.. shards, .. GgufChoice.Abandoned(files, shards)];
        }
    }

    /// <summary>The files of a snapshot, links and others.</summary>
    static IEnumerable<FileInfo> Links(DirectoryInfo snapshot) =>
        snapshot.EnumerateFiles("*", s_everything);

    /// <summary>The names of the contents that links lead to.</summary>
    static HashSet<string> Contents(IEnumerable<FileInfo> links) =>
        [.. links.Select(link => link.LinkTarget is string target && target.Contains("blobs", StringComparison.Ordinal) ? Path.GetFileName(target) : "")
            .Where(name => name.Length is 40 or 64)];

    // Held until all is gone: nobody begins to download what is being removed.
    static List<FileLock> TakeAll(RepositoryFolder folder, CacheRemoval removal)
    {
        var locks = new List<FileLock>();
        IEnumerable<string> paths = removal.IsWholeRepository
            ? [.. Files(folder.Locks, "*.lock"), .. Files(folder.Blobs, "*" + RepositoryFolder.PartialEnding)]
            : removal.Contents.Select(path => folder.Lock(Path.GetFileName(path)));
        foreach (string path in paths)
        {
            if (FileLock.TryTake(path) is FileLock taken)
            {
                locks.Add(taken);
                continue;
            }

            locks.ForEach(held => held.Dispose());
            throw new HubException(HubFailure.Busy, $"{removal.Reference.Id} is being downloaded by another process; wait for it or end it, and remove "
                + $"it then.");
        }

        return locks;

        static string[] Files(string where, string pattern) => Directory.Exists(where) ? Directory.GetFiles(where, pattern) : [];
    }

    static void Delete(RepositoryFolder folder, CacheRemoval removal)
    {
        foreach (string revision in removal.Revisions)
        {
            File.Delete(folder.Ref(revision));
        }

        if (removal.IsWholeRepository)
        {
            // Snapshots before contents: a link never leads nowhere. Links are removed, not followed.
            DeleteFolder(folder.Snapshots);
            DeleteFolder(folder.Path);
            DeleteFolder(folder.Locks);
            return;
        }

        foreach (string link in removal.Links)
        {
            File.Delete(link);
        }

        foreach (string commit in removal.Commits)
        {
            DeleteFolder(folder.Snapshot(commit));
            DeleteFolder(Path.Combine(folder.Path, ".no_exist", commit));
            File.Delete(folder.Tree(commit));
        }

        foreach (string content in removal.Contents)
        {
            File.Delete(content);
            File.Delete(content + RepositoryFolder.JournalEnding);
        }
    }

    static void DeleteFolder(string path)
    {
        if (Directory.Exists(path))
        {
            Directory.Delete(path, recursive: true);
        }
    }
}
