namespace GemmaSharp.Hub.Cache;

/// <summary>A lock between processes: a file that is open for this one alone, which ends with the process, however it ends.</summary>
/// <remarks>On Unix that is <c>flock</c>, which the hub's own tools in Python take on the same files. The file itself stays, as theirs do: removing it may
/// let two processes hold two files of one name (<see cref="Remove"/>).</remarks>
sealed class FileLock : IDisposable
{
    readonly FileStream _stream;

    FileLock(FileStream stream) => _stream = stream;

    /// <summary>Takes a lock if nobody holds it; null where somebody does.</summary>
    /// <exception cref="IOException">The file cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">The file or its folder may not be written to.</exception>
    public static FileLock? TryTake(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        try
        {
            return new FileLock(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0));
        }
        catch (IOException e) when (IsTaken(e))
        {
            return null;
        }
    }

    /// <summary>Takes a lock, when nobody holds it any more.</summary>
    /// <param name="path">The file.</param>
    /// <param name="machine">How long is waited between attempts.</param>
    /// <param name="busy">Called once when somebody holds it.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public static async Task<FileLock> TakeAsync(string path, HubMachine machine, Action busy, CancellationToken cancellationToken)
    {
        for (bool told = false; ; told = true)
        {
            if (TryTake(path) is FileLock taken)
            {
                return taken;
            }

            if (!told)
            {
                busy();
            }

            await Task.Delay(machine.LockInterval, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Gives the lock up and removes its file, for when nobody has anything left to do under it.</summary>
    /// <remarks>Somebody who waits may get this file yet and another one a new one, so whoever takes a lock that may be removed looks again at what is left to
    /// do.</remarks>
    public void Remove()
    {
        try
        {
            // Windows removes no file that is open in this way; elsewhere it goes while it is held.
            if (OperatingSystem.IsWindows())
            {
                _stream.Dispose();
            }

            File.Delete(_stream.Name);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Taken again already: it is theirs now.
        }

        _stream.Dispose();
    }

    /// <summary>Whether opening a file failed because somebody else has it open.</summary>
    public static bool IsTaken(IOException e)
    {
        const int SharingViolation = unchecked((int)0x80070020);
        int error = e.HResult;

        // EAGAIN of Linux and of macOS and BSD, as .NET passes them on where flock is refused.
        return e.GetType() == typeof(IOException) && (OperatingSystem.IsWindows() ? error == SharingViolation : error is 11 or 35);
    }

    public void Dispose() => _stream.Dispose();
}
