namespace GemmaSharp.Hub;

/// <summary>What a pull has brought.</summary>
/// <param name="Reference">What was asked for.</param>
/// <param name="Commit">The commit: 40 hexadecimal digits.</param>
/// <param name="Folder">The snapshot's folder.</param>
/// <param name="Path">What a model is loaded from: the folder, or of a GGUF form its first file.</param>
/// <param name="Files">The files that were wanted; all of them are there.</param>
/// <param name="DownloadedBytes">Bytes that came over the network, those that could not be used included.</param>
/// <param name="Elapsed">How long it took.</param>
public sealed record PullResult(
    HubReference Reference, string Commit, string Folder, string Path, IReadOnlyList<HubFile> Files, long DownloadedBytes, TimeSpan Elapsed)
{
    /// <summary>Bytes of the files.</summary>
    public long TotalBytes => Files.Sum(file => file.Size);
}
