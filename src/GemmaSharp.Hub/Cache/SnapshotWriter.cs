using System.Text;

namespace GemmaSharp.Hub.Cache;

/// <summary>Gives contents their names in a snapshot, by links or where there are none by the files themselves, and revisions their commits.</summary>
/// <param name="folder">The repository.</param>
/// <param name="commit">The commit.</param>
/// <param name="links">Whether the file system has links.</param>
/// <param name="machine">Who makes them.</param>
sealed class SnapshotWriter(RepositoryFolder folder, string commit, bool links, HubMachine machine)
{
    const string Tag = "Signature: 8a477f597d28d172789f06886806bc55\n# This file is a cache directory tag: what lies here can be downloaded again.\n";

    /// <summary>Makes the folders of a repository, and the mark by which backups leave a cache out.</summary>
    public void Begin()
    {
        Directory.CreateDirectory(folder.Blobs);
        Directory.CreateDirectory(folder.Refs);
        Directory.CreateDirectory(folder.Snapshot(commit));
        string tag = Path.Combine(folder.Cache, "CACHEDIR.TAG");
        if (!File.Exists(tag))
        {
            SmallFile.Write(tag, Encoding.ASCII.GetBytes(Tag));
        }
    }

    /// <summary>Where a file of the snapshot is already, whole as far as its length tells; null where it is not.</summary>
    public string? Existing(HubFile file)
    {
        string path = folder.File(commit, file.Path);
        return Length(path) == file.Size ? path : Length(folder.Blob(file.ETag)) == file.Size ? folder.Blob(file.ETag) : null;
    }

    /// <summary>Gives a content that lies among the contents its name in the snapshot.</summary>
    /// <param name="file">The file.</param>
    /// <param name="isNew">Whether it has just been downloaded, so that nobody else's link needs it.</param>
    /// <returns>False when the content has gone meanwhile: where there are no links, another process may have moved it into a snapshot of its own.</returns>
    public bool Add(HubFile file, bool isNew)
    {
        string path = folder.File(commit, file.Path), blob = folder.Blob(file.ETag);
        if (!File.Exists(blob))
        {
            // Without links the file itself is there already.
            return Length(path) == file.Size;
        }

        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        if (links)
        {
            string target = RepositoryFolder.LinkTarget(file.Path, file.ETag);
            if (new FileInfo(path).LinkTarget == target)
            {
                return true;
            }

            // Under another name first: a snapshot never lacks a file that it had. Not in the snapshot, where a kill would leave it.
            string beside = Beside(".gemma.link");
            machine.Link(beside, target);
            File.Move(beside, path, overwrite: true);
        }
        else if (isNew)
        {
            File.Move(blob, path, overwrite: true);
        }
        else if (Length(path) != file.Size)
        {
            string beside = Beside(RepositoryFolder.PartialEnding);
            try
            {
                File.Copy(blob, beside);
            }
            catch (FileNotFoundException)
            {
                return Length(path) == file.Size;
            }

            File.Move(beside, path, overwrite: true);
        }

        return true;
    }

    /// <summary>Whether everything is written already, so that a cache that may only be read is as good.</summary>
    public bool IsFinished(string revision, IEnumerable<HubFile> files) =>
        (HubReference.IsCommit(revision) || SmallFile.TryRead(folder.Ref(revision), 64) is byte[] bytes && Encoding.ASCII.GetString(bytes).Trim() == commit)
        && TreeFile.TryRead(folder.Tree(commit)) is not null && files.All(file => Length(folder.File(commit, file.Path)) == file.Size);

    /// <summary>Writes down which commit a revision is. The last step: a revision never leads to a snapshot that is not whole.</summary>
    public void Finish(string revision)
    {
        if (!HubReference.IsCommit(revision))
        {
            SmallFile.Write(folder.Ref(revision), Encoding.ASCII.GetBytes(commit));
        }
    }

    string Beside(string ending) => Path.Combine(folder.Blobs, Guid.NewGuid().ToString("N") + ending);

    /// <summary>Whether a cache's file system has links, found out by making one.</summary>
    public static bool HasLinks(string cache, HubMachine machine)
    {
        string target = Path.Combine(cache, $".gemma-{Guid.NewGuid():N}"), link = target + ".link";
        try
        {
            File.WriteAllBytes(target, []);
            machine.Link(link, Path.GetFileName(target));
            return File.Exists(link) && new FileInfo(link).LinkTarget is not null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or PlatformNotSupportedException)
        {
            return false;
        }
        finally
        {
            TryDelete(link);
            TryDelete(target);
        }
    }

    /// <summary>Bytes of a file, links followed; null where there is none.</summary>
    internal static long? Length(string path)
    {
        try
        {
            return Files.BoundedFile.Length(path);
        }
        catch (Exception e) when (Files.BoundedFile.IsRefusal(e))
        {
            return null;
        }
    }

    static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // An empty file that stays hurts nobody.
        }
    }
}
