using System.Text;
using GemmaSharp.Files;
using GemmaSharp.Hub.Cache;

namespace GemmaSharp.Hub.Download;

/// <summary>Where a checkpoint is converted while it arrives: <c>DESTINATION.pulling</c>.</summary>
/// <remarks>
/// <code>
/// begun                what the work was begun with
/// source/…             settings, and weight files: whole ones, or their headers in sparse files of the same length
/// headers/{file}       the headers
/// whole/{etag}         marks of weight files that are whole in source, with the file of the store that each was, if it was
/// store/…              unfinished downloads, as in the cache
/// result/…             parts that are converted and checked, under their names
/// </code>
/// </remarks>
sealed class ConvertingFolder(string target)
{
    readonly string _folder = target + ".pulling";

    const int LongestMark = 4096;

    /// <summary>Held while a process works here, and removed when there is nothing left to do; beside the folder, which goes before.</summary>
    public string Lock => _folder + ".lock";

    /// <summary>The checkpoint as far as it is there.</summary>
    public string SourceFolder => Path.Combine(_folder, "source");

    /// <summary>What is converted.</summary>
    public string Result => Path.Combine(_folder, "result");

    /// <summary>Unfinished downloads.</summary>
    public string Store => Path.Combine(_folder, "store");

    /// <summary>Goes on with what was begun in the same way, and removes what was begun in another.</summary>
    public void Begin(string fingerprint)
    {
        string begun = Path.Combine(_folder, "begun");
        byte[] bytes = Encoding.UTF8.GetBytes(fingerprint);
        if (Directory.Exists(_folder) && !bytes.AsSpan().SequenceEqual(SmallFile.TryRead(begun, 1 << 16)))
        {
            Directory.Delete(_folder, recursive: true);
        }

        foreach (string each in (string[])["source", "headers", "whole", "store", "result"])
        {
            Directory.CreateDirectory(Path.Combine(_folder, each));
        }

        SmallFile.Write(begun, bytes);
    }

    /// <summary>A file of the source.</summary>
    public string Source(string path) => Path.Combine(SourceFolder, path.Replace('/', Path.DirectorySeparatorChar));

    /// <summary>Whether a weight file's header is there.</summary>
    public bool HasHeader(HubFile file) => File.Exists(Header(file)) && SnapshotWriter.Length(Source(file.Path)) == file.Size;

    /// <summary>Writes a header into a file that is as long as the whole will be.</summary>
    public void WriteHeader(HubFile file, byte[] header)
    {
        AtomicFile.Write(Header(file), header);
        Hollow(file, header);
    }

    /// <summary>Whether a weight file is whole.</summary>
    /// <remarks>What is still in the store was not moved, whatever its mark says: the mark comes first.</remarks>
    public bool IsWhole(HubFile file) => SmallFile.TryRead(Whole(file), LongestMark) is byte[] stored && SnapshotWriter.Length(Source(file.Path)) == file.Size
        && (stored.Length == 0 || !File.Exists(Path.Combine(_folder, Encoding.UTF8.GetString(stored))));

    /// <summary>Whether a weight file was converted and is hollow again.</summary>
    public bool IsDone(string path) => File.Exists(Done(path));

    /// <summary>Takes a weight file in: from the cache, where it stays, or from the store.</summary>
    public void Accept(HubFile file, string? cached, string stored)
    {
        string place = Source(file.Path);
        if (cached is null)
        {
            // The mark first: after a kill between the two nobody would know that the file is whole, which is as long as the hollow one.
            SmallFile.Write(Whole(file), Encoding.UTF8.GetBytes(Path.GetRelativePath(_folder, stored)));
            File.Move(stored, place, overwrite: true);
            return;
        }

        File.Delete(place);
        try
        {
            File.CreateSymbolicLink(place, Path.GetFullPath(cached));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            File.Copy(cached, place);
        }

        SmallFile.Write(Whole(file), []);
    }

    /// <summary>Gives back the room of a weight file that is converted.</summary>
    public void Shrink(HubFile file)
    {
        SmallFile.Write(Done(file.Path), []);
        File.Delete(Whole(file));
        Hollow(file, File.ReadAllBytes(Header(file)));
    }

    /// <summary>Gives the result its name and removes everything else.</summary>
    public void Publish(string destination)
    {
        if (Directory.Exists(destination))
        {
            Directory.Delete(destination);
        }

        Directory.Move(Result, destination);
        Directory.Delete(_folder, recursive: true);
    }

    string Header(HubFile file) => Path.Combine(_folder, "headers", file.Path);

    string Whole(HubFile file) => Path.Combine(_folder, "whole", file.ETag);

    string Done(string path) => Path.Combine(_folder, "whole", path + ".done");

    void Hollow(HubFile file, byte[] header)
    {
        string place = Source(file.Path), beside = place + AtomicFile.Ending;
        using (FileStream stream = File.Create(beside))
        {
            stream.Write(header);
            stream.SetLength(file.Size);
        }

        File.Move(beside, place, overwrite: true);
    }
}
