namespace GemmaSharp.Hub;

/// <summary>A snapshot's files, each compared with the checksum that was recorded when it was downloaded.</summary>
/// <param name="Folder">The snapshot.</param>
/// <param name="Files">The files, in the order of their paths.</param>
public sealed record SnapshotCheck(string Folder, IReadOnlyList<CheckedFile> Files)
{
    /// <summary>Whether every file that is recorded is there and has its checksum.</summary>
    public bool IsSound => Files.All(file => file.State is CheckedState.Sound or CheckedState.Unrecorded);
}

/// <summary>How a file compares with what was recorded of it.</summary>
/// <param name="Path">Where in the snapshot, with <c>/</c>.</param>
/// <param name="Size">Its bytes; those that it should have when it is missing.</param>
/// <param name="State">The verdict.</param>
/// <param name="Expected">The checksum that was recorded; null when none was.</param>
/// <param name="Found">The checksum that it has, when that is another.</param>
public sealed record CheckedFile(string Path, long Size, CheckedState State, string? Expected, string? Found);

/// <summary>The verdict on a file.</summary>
public enum CheckedState
{
    /// <summary>It has its checksum.</summary>
    Sound,

    /// <summary>It has another.</summary>
    Damaged,

    /// <summary>A checkpoint of this commit has it, and it is not there.</summary>
    Missing,

    /// <summary>Nothing was recorded of it.</summary>
    Unrecorded,
}
