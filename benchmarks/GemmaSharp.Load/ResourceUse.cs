using System.Diagnostics;

namespace GemmaSharp.Load;

/// <summary>What the process and the model hold.</summary>
/// <param name="ManagedBytes">Live objects after a full collection.</param>
/// <param name="ResidentBytes">Memory of the process.</param>
/// <param name="Handles">Open files and connections; 0 where the system does not tell.</param>
/// <param name="Threads">Threads.</param>
/// <param name="CacheBytes">Keys and values that the model keeps.</param>
/// <param name="MediaCacheBytes">Media that the model has encoded and kept.</param>
/// <param name="ScratchBytes">What the model computes in.</param>
sealed record ResourceUse(long ManagedBytes, long ResidentBytes, int Handles, int Threads, long CacheBytes, long MediaCacheBytes, long ScratchBytes)
{
    /// <summary>Looks; encoded media are forgotten first, which is a cache with a budget of its own and no leak.</summary>
    public static ResourceUse Now(GemmaModel model)
    {
        long withMedia = model.ScratchBytes;
        model.ClearMediaCache();
        for (int i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        using Process process = Process.GetCurrentProcess();
        int handles = Directory.Exists("/proc/self/fd") ? Directory.GetFiles("/proc/self/fd").Length : OperatingSystem.IsWindows() ? process.HandleCount : 0;
        return new ResourceUse(GC.GetTotalMemory(forceFullCollection: true), process.WorkingSet64, handles, process.Threads.Count, model.CacheBytes, withMedia - model.ScratchBytes,
            model.ScratchBytes);
    }
}
