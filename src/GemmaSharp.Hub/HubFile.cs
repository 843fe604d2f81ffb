namespace GemmaSharp.Hub;

/// <summary>A file of a repository as the hub lists it.</summary>
/// <param name="Path">Where in the repository, with <c>/</c>; never a path that leaves it.</param>
/// <param name="Size">Bytes.</param>
/// <param name="BlobId">Git's name of the file, or of the pointer that stands for it: 40 hexadecimal digits.</param>
/// <param name="Sha256">The checksum of a large file, 64 hexadecimal digits; null for one that git holds itself, whose <paramref name="BlobId"/> is its
/// own.</param>
public sealed record HubFile(string Path, long Size, string BlobId, string? Sha256)
{
    /// <summary>The name of the file's content in the cache, which is its checksum.</summary>
    public string ETag => Sha256 ?? BlobId;

    /// <summary>The hash of its Xet form, passed on to other tools; null for none.</summary>
    internal string? XetHash { get; init; }
}
