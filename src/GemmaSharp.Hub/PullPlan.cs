namespace GemmaSharp.Hub;

/// <summary>What pulling a repository means, before anything is downloaded.</summary>
/// <param name="Reference">What was asked for.</param>
/// <param name="Commit">The commit that it is now: 40 hexadecimal digits.</param>
/// <param name="Files">The files that are wanted.</param>
/// <param name="Folder">The snapshot's folder, where they will be.</param>
public sealed record PullPlan(HubReference Reference, string Commit, IReadOnlyList<PlannedFile> Files, string Folder)
{
    /// <summary>All files of the commit, wanted or not.</summary>
    internal IReadOnlyList<HubFile> All { get; init; } = [];

    /// <summary>Bytes of the files.</summary>
    public long TotalBytes => Files.Sum(file => file.File.Size);

    /// <summary>Bytes that must still be downloaded; a content that several files have counts once.</summary>
    public long MissingBytes => Files.Where(file => !file.IsPresent).DistinctBy(file => file.File.ETag).Sum(file => file.File.Size - file.PartialBytes);
}

/// <summary>A file that is wanted and how much of it is there.</summary>
/// <param name="File">The file.</param>
/// <param name="IsPresent">Whether it is in the cache.</param>
/// <param name="PartialBytes">Bytes that an interrupted download has left.</param>
public sealed record PlannedFile(HubFile File, bool IsPresent, long PartialBytes);
