namespace GemmaSharp.Files;

/// <summary>Room on the disk for what does not fit memory.</summary>
static class SpoolFile
{
    /// <summary>A new file to write and read again, which is gone when it is closed or the process ends.</summary>
    /// <param name="beside">
    /// The file in whose folder it is, where the result needs as much room anyway; where nothing may be made there but the file may be written, as one that
    /// is mounted into a container, it is in the folder of temporary files.
    /// </param>
    /// <exception cref="IOException">The folder does not exist or the disk is full.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written to.</exception>
    public static FileStream Create(string beside)
    {
        string target = AtomicFile.Target(beside);
        try
        {
            return Open($"{target}.{Guid.NewGuid():N}.spool");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException && AtomicFile.CanBeWritten(target))
        {
            return Open(Path.Combine(Path.GetTempPath(), $"gemma-{Guid.NewGuid():N}.spool"));
        }
    }

    static FileStream Open(string path)
    {
        var stream = new FileStream(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1 << 20, FileOptions.DeleteOnClose);
        if (!OperatingSystem.IsWindows())
        {
            // An open file needs no name here, and without one even a process that is killed leaves nothing.
            File.Delete(path);
        }

        return stream;
    }
}
