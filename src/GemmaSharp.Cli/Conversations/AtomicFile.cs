namespace GemmaSharp.Cli.Conversations;

/// <summary>Files that appear under their name only when complete: on a full disk the old content stays.</summary>
static class AtomicFile
{
    /// <summary>Finds out before any work whether <paramref name="path"/> can be written.</summary>
    /// <exception cref="CliException">It cannot.</exception>
    public static void RequireWritable(string path)
    {
        string full = FullPath(path);
        string temporary = Temporary(full);
        try
        {
            using (new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose))
            {
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw Unwritable(path, error);
        }
    }

    /// <summary>Writes the whole file.</summary>
    /// <exception cref="CliException">It cannot be written; what was there is still there.</exception>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        string full = FullPath(path);
        string temporary = Temporary(full);
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                stream.Write(content);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, full, overwrite: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            Delete(temporary);
            throw Unwritable(path, error);
        }
    }

    static string FullPath(string path)
    {
        if (path.Length == 0 || path.Contains('\0', StringComparison.Ordinal))
        {
            throw CliException.Usage("The path to save to is empty; give the path of a file.");
        }

        string full = Path.GetFullPath(path);

        // Moving a file over a device would replace the device.
        if (Directory.Exists(full) || (full.StartsWith("/dev/", StringComparison.Ordinal) && !full.StartsWith("/dev/shm/", StringComparison.Ordinal)))
        {
            throw new CliException(ExitCode.Failed, $"{path} is {(Directory.Exists(full) ? "a folder" : "a device")}; give the path of a file to save to.");
        }

        return full;
    }

    static string Temporary(string full) => $"{full}.{Guid.NewGuid():N}.partial";

    static CliException Unwritable(string path, Exception error)
    {
        string reason = error switch
        {
            DirectoryNotFoundException => "its folder does not exist",
            UnauthorizedAccessException => "its folder may not be written to",
            _ => error.Message.TrimEnd('.'),
        };
        return new CliException(ExitCode.Failed, $"{path} cannot be written ({reason}); choose another path or free some space.", error);
    }

    static void Delete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The folder has gone meanwhile; there is nothing left to remove.
        }
    }
}
