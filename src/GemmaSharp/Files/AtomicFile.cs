namespace GemmaSharp.Files;

/// <summary>A file that appears under its name only when it is complete; until then what was there before stays.</summary>
/// <remarks>
/// The bytes go to <c>NAME.….partial</c> beside the target, so that giving the name is one step of the file system. A link is followed and stays a link,
/// and an existing file's permissions are kept. Where no name can be given (a file that is mounted, as into a container, or a folder in which nothing may
/// be made), the completed bytes are written into the file that is there. Disposing before <see cref="Publish"/> leaves nothing behind; a process that is
/// killed leaves that one file.
/// Not thread-safe.
/// </remarks>
sealed class AtomicFile : IDisposable
{
    /// <summary>How names of unfinished files and folders end.</summary>
    public const string Ending = ".partial";

    readonly string _target;
    readonly string _temporary;
    readonly bool _isElsewhere;
    bool _ended;

    AtomicFile(string target, FileStream stream, bool isElsewhere)
    {
        _target = target;
        _temporary = stream.Name;
        _isElsewhere = isElsewhere;
        Stream = stream;
    }

    /// <summary>Where the bytes are written.</summary>
    public FileStream Stream { get; }

    /// <summary>Begins a file.</summary>
    /// <param name="path">Where it will be after <see cref="Publish"/>; an existing file is replaced then.</param>
    /// <param name="bufferSize">Bytes of small writes that are gathered.</param>
    /// <param name="open">Opens the temporary file, for tests; null for the file system.</param>
    /// <exception cref="IOException">The target is a folder or a device, its folder does not exist, or the disk is full.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written to.</exception>
    /// <exception cref="ArgumentException">The path is empty or holds a NUL.</exception>
    public static AtomicFile Create(string path, int bufferSize = 4096, Func<string, FileStream>? open = null)
    {
        string target = Target(path);
        string temporary = $"{target}.{Guid.NewGuid():N}{Ending}";
        UnixFileMode? mode = !OperatingSystem.IsWindows() && File.Exists(target) ? File.GetUnixFileMode(target) : null;
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.None, BufferSize = bufferSize };
        if (mode is not null && !OperatingSystem.IsWindows())
        {
            // From the beginning: what only its owner may read must not lie open while it is written.
            options.UnixCreateMode = mode;
        }

        bool isElsewhere = false;
        FileStream stream;
        try
        {
            stream = open is null ? new FileStream(temporary, options) : open(temporary);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException && open is null && CanBeWritten(target))
        {
            // Nothing may be made in this folder, but the file in it may be written.
            stream = new FileStream(Path.Combine(Path.GetTempPath(), $"gemma-{Guid.NewGuid():N}{Ending}"), options);
            isElsewhere = true;
        }

        var file = new AtomicFile(target, stream, isElsewhere);
        if (mode is UnixFileMode kept && !OperatingSystem.IsWindows())
        {
            try
            {
                File.SetUnixFileMode(file.Stream.SafeFileHandle, kept);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // A file system that knows no permissions has none to keep.
            }
        }

        return file;
    }

    /// <summary>Writes a whole file.</summary>
    /// <exception cref="IOException">It cannot be written; what was there is still there.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written to.</exception>
    /// <exception cref="ArgumentException">The path is empty or holds a NUL.</exception>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        using AtomicFile file = Create(path);
        file.Stream.Write(content);
        file.Complete();
        file.Publish();
    }

    /// <summary>Finds out before any work whether a file can be written, and leaves nothing behind.</summary>
    /// <exception cref="IOException">It cannot; the sentence says why.</exception>
    public static void RequireWritable(string path)
    {
        try
        {
            Create(path).Dispose();
        }
        catch (Exception e) when (BoundedFile.IsRefusal(e))
        {
            throw Unwritable(path, e);
        }
    }

    /// <summary>A refusal as a sentence for a person.</summary>
    public static IOException Unwritable(string path, Exception e)
    {
        string reason = e switch
        {
            DirectoryNotFoundException => "its folder does not exist",
            UnauthorizedAccessException => "its folder may not be written to",
            _ => e.Message.TrimEnd('.'),
        };
        return new IOException($"{path} cannot be written ({reason}); choose another path or free some space.", e);
    }

    /// <summary>Closes the file under its temporary name: everything is on the disk.</summary>
    /// <exception cref="IOException">The disk is full or gone.</exception>
    public void Complete()
    {
        Stream.Flush(flushToDisk: true);
        Stream.Dispose();
    }

    /// <summary>Gives the completed file its name.</summary>
    /// <exception cref="IOException">The folder has gone, or the name has been given to a folder.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written to any more.</exception>
    public void Publish()
    {
        try
        {
            if (!_isElsewhere)
            {
                File.Move(_temporary, _target, overwrite: true);
                _ended = true;
                return;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException && CanBeWritten(_target))
        {
            // A mounted file cannot be replaced.
        }

        WriteInPlace();
    }

    /// <summary>Writes the completed bytes into the file that is there. Should that fail midway, they stay where they are complete.</summary>
    void WriteInPlace()
    {
        try
        {
            using FileStream from = new(_temporary, FileMode.Open, FileAccess.Read);
            using FileStream to = new(_target, FileMode.Open, FileAccess.Write, FileShare.None);
            from.CopyTo(to);
            to.SetLength(from.Length);
            to.Flush(flushToDisk: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _ended = true;
            throw new IOException($"it was written to only in part ({e.Message.TrimEnd('.')}); the whole is in {_temporary}", e);
        }
    }

    /// <summary>Whether a file is there and may be written to.</summary>
    public static bool CanBeWritten(string path)
    {
        try
        {
            using FileStream file = new(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            return true;
        }
        catch (Exception e) when (BoundedFile.IsRefusal(e))
        {
            return false;
        }
    }

    /// <summary>Closes the file; unless published, removes it.</summary>
    public void Dispose()
    {
        if (_ended)
        {
            return;
        }

        _ended = true;
        try
        {
            Stream.Dispose();
        }
        catch (Exception e) when (BoundedFile.IsRefusal(e))
        {
            // A full disk: what is buffered cannot be written, and is not wanted any more.
        }

        try
        {
            File.Delete(_temporary);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Nothing can be done about a folder that has gone meanwhile.
        }
    }

    /// <summary>Where a file is written that is to be under a path: links are followed.</summary>
    /// <exception cref="IOException">It is a folder or a device.</exception>
    public static string Target(string path)
    {
        string named = Path.GetFullPath(path);

        // Giving a link's name to a file would replace the link.
        string target = new FileInfo(named).LinkTarget is null ? named : File.ResolveLinkTarget(named, returnFinalTarget: true)?.FullName ?? named;
        return Directory.Exists(target)
            ? throw new IOException("it is a folder")
            : IsDevice(named) || IsDevice(target) ? throw new IOException("it is a device")
            : IsPipe(target) ? throw new IOException("it is a pipe") : target;
    }

    // Opened for both, a pipe waits for nobody.
    static bool IsPipe(string full)
    {
        try
        {
            using FileStream? stream = OperatingSystem.IsWindows() || !File.Exists(full) ? null
                : new FileStream(full, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
            return stream is { CanSeek: false };
        }
        catch (Exception e) when (BoundedFile.IsRefusal(e))
        {
            // What may not be opened is found out when it is written.
            return false;
        }
    }

    // Moving a file over a device would replace the device.
    static bool IsDevice(string full) =>
        full.StartsWith("/proc/", StringComparison.Ordinal)
        || (full.StartsWith("/dev/", StringComparison.Ordinal) && !full.StartsWith("/dev/shm/", StringComparison.Ordinal));
}
