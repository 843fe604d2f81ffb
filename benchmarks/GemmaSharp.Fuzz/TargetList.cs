using GemmaSharp.Fuzz.Targets;

namespace GemmaSharp.Fuzz;

/// <summary>All readers.</summary>
static class TargetList
{
    public static IReadOnlyList<FuzzTarget> All { get; } = [.. CheckpointTargets.All, .. AdapterTargets.All, .. TextTargets.All, .. PictureTargets.All, .. SoundTargets.All, .. ServerTargets.All];

    /// <exception cref="ArgumentException">There is none of that name.</exception>
    public static FuzzTarget Find(string name) => All.FirstOrDefault(target => target.Name == name)
        ?? throw new ArgumentException($"There is no reader {name}; they are {string.Join(", ", All.Select(target => target.Name))}.");
}
