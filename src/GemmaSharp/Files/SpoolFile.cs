namespace GemmaSharp.Files;

/// <summary>Room on the disk for what does not fit memory.</summary>
static class SpoolFile
{
    /// <summary>A new file to write and read again, which is gone when it is closed or the process ends.</summary>
    /// <param name="beside">The file in whose folder it is, where the result needs as much room anyway.</param>
    /// <exception cref="IOException">The folder does not exist or the disk is full.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written to.</exception>
    public static FileStream Create(string beside)
    {
        string path = $"{beside}.{Guid.NewGuid():N}.spool";
        var stream = new FileStream(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1 << 20, FileOptions.DeleteOnClose);
        if (!OperatingSystem.IsWindows())
        {
            // An open file needs no name here, and without one even a process that is killed leaves nothing.
            File.Delete(path);
        }

        return stream;
    }
}
