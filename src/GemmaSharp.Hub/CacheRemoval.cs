namespace GemmaSharp.Hub;

/// <summary>What removing something from the cache means, before it is done.</summary>
/// <param name="Reference">What was asked for.</param>
/// <param name="Commits">The commits whose snapshots go.</param>
/// <param name="Revisions">The branches and tags that are forgotten.</param>
/// <param name="Bytes">Bytes that it frees.</param>
/// <param name="IsWholeRepository">Whether nothing of the repository stays.</param>
public sealed record CacheRemoval(HubReference Reference, IReadOnlyList<string> Commits, IReadOnlyList<string> Revisions, long Bytes, bool IsWholeRepository)
{
    /// <summary>Files of snapshots that go, where not all of them do.</summary>
    internal IReadOnlyList<string> Links { get; init; } = [];

    /// <summary>Contents that nothing refers to afterwards.</summary>
    internal IReadOnlyList<string> Contents { get; init; } = [];
}
