using Microsoft.Win32.SafeHandles;

namespace GemmaSharp.Hub;

/// <summary>What downloading stands on besides the network: the environment, waiting, the disk.</summary>
sealed record HubMachine
{
    /// <summary>This machine.</summary>
    public static HubMachine This { get; } = new();

    /// <summary>The value of an environment variable; null when it is not set.</summary>
    public Func<string, string?> Variable { get; init; } = Environment.GetEnvironmentVariable;

    /// <summary>Waits.</summary>
    public Func<TimeSpan, CancellationToken, Task> Wait { get; init; } = Task.Delay;

    /// <summary>Bytes that may still be written to a folder's disk.</summary>
    public Func<string, long> FreeBytes { get; init; } = Free;

    /// <summary>Writes to a file at an offset.</summary>
    public Func<SafeFileHandle, ReadOnlyMemory<byte>, long, CancellationToken, ValueTask> Write { get; init; } = RandomAccess.WriteAsync;

    /// <summary>Makes a symbolic link.</summary>
    public Action<string, string> Link { get; init; } = static (path, target) => File.CreateSymbolicLink(path, target);

    /// <summary>Files longer than two of these are fetched in parts of this length.</summary>
    public long PartBytes { get; init; } = 32L << 20;

    /// <summary>Room that must be left on the disk.</summary>
    public long SpareBytes { get; init; } = 1L << 30;

    /// <summary>How often what has arrived is written down.</summary>
    public TimeSpan JournalInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How often a lock that another process holds is tried.</summary>
    public TimeSpan LockInterval { get; init; } = TimeSpan.FromMilliseconds(250);

    // A place that does not tell, such as some shares, will say when it is full.
    static long Free(string folder)
    {
        try
        {
            return new DriveInfo(Path.GetFullPath(folder)).AvailableFreeSpace;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return long.MaxValue;
        }
    }
}
