namespace GemmaSharp.Hub.Download;

/// <summary>What the file system refuses, as sentences with a way out.</summary>
static class StorageErrors
{
    /// <summary>The refusal as an exception of ours.</summary>
    public static HubException Of(string cache, Exception e) => IsFull(e)
        ? new HubException(HubFailure.DiskFull,
            $"The disk of the cache {cache} is full; free some space, or set HF_HUB_CACHE to another disk, and run the same command again, which goes "
                + $"on from there.", e)
        : new HubException(HubFailure.Storage, $"The cache {cache} cannot be written ({e.Message.TrimEnd('.')}); check its permissions, or set "
            + $"HF_HUB_CACHE to a folder of yours.", e);

    static bool IsFull(Exception e)
    {
        const int NoSpace = 28;                                    // ENOSPC
        const int LinuxQuota = 122, BsdQuota = 69;                 // EDQUOT
        const int WindowsDiskFull = unchecked((int)0x80070070);    // ERROR_DISK_FULL
        const int WindowsHandleDiskFull = unchecked((int)0x80070027);
        return e is IOException && (OperatingSystem.IsWindows()
            ? e.HResult is WindowsDiskFull or WindowsHandleDiskFull
            : e.HResult == NoSpace || e.HResult == (OperatingSystem.IsLinux() ? LinuxQuota : BsdQuota));
    }
}
