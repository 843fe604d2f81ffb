namespace GemmaSharp.Hub;

/// <summary>A repository in the cache.</summary>
/// <param name="Id"><c>ORG/NAME</c>.</param>
/// <param name="Folder">Its folder in the cache.</param>
/// <param name="Bytes">Bytes of its files on the disk; what several snapshots share counts once.</param>
/// <param name="UnfinishedBytes">Bytes that interrupted downloads have left, which the next one goes on from, or which other tools have left.</param>
/// <param name="Snapshots">What is there of its commits, the newest first.</param>
public sealed record CachedRepository(string Id, string Folder, long Bytes, long UnfinishedBytes, IReadOnlyList<CachedSnapshot> Snapshots);

/// <summary>What is there of a commit.</summary>
/// <param name="Commit">The commit: 40 hexadecimal digits.</param>
/// <param name="Revisions">The branches and tags that it was when last asked.</param>
/// <param name="Folder">Its folder.</param>
/// <param name="Bytes">Bytes of its files.</param>
/// <param name="Files">How many files there are.</param>
/// <param name="Missing">Files that a checkpoint of this commit has and that are not there, as far as its listing is known; a projector counts, too.</param>
/// <param name="IsWhole">Whether a model or an adapter can be loaded from it; without a projector that is for text.</param>
/// <param name="Form">How its weights are stored, such as <c>bfloat16</c>, <c>4 bits</c>, <c>LoRA adapter</c> or the forms of its GGUF files; null where
/// nothing tells.</param>
/// <param name="Projectors">The GGUF files with the towers of its models, by path; none for other checkpoints, which have their towers within.</param>
public sealed record CachedSnapshot(
    string Commit, IReadOnlyList<string> Revisions, string Folder, long Bytes, int Files, IReadOnlyList<string> Missing, bool IsWhole, string? Form,
    IReadOnlyList<string> Projectors);
