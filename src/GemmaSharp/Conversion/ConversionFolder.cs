using GemmaSharp.Files;

namespace GemmaSharp.Conversion;

/// <summary>A folder that has another name until it is complete; disposing before that removes it.</summary>
/// <remarks>
/// What a process that was killed left behind is removed by the next conversion to the same place. The lock file beside it tells it from one that is still
/// running, which holds the lock, and from a folder of the user's, which has none.
/// </remarks>
sealed class ConversionFolder : IDisposable
{
    readonly string _destination;
    readonly bool _force;
    readonly FileStream _lock;
    bool _published;

    ConversionFolder(string destination, string temporary, bool force, FileStream hold)
    {
        (_destination, Path, _force, _lock) = (destination, temporary, force, hold);
    }

    /// <summary>The folder to write into.</summary>
    public string Path { get; }

    /// <summary>Makes the folder beside the destination.</summary>
    /// <exception cref="ConversionException">The destination is in use, or the place cannot be written to.</exception>
    public static ConversionFolder Create(string source, string destination, bool force)
    {
        string target = Full(destination), origin = Full(source);
        if (target == origin || origin.StartsWith(target + System.IO.Path.DirectorySeparatorChar, StringComparison.Ordinal))
        {
            throw new ConversionException($"The result cannot be written to {destination}, where the source is; give another folder.");
        }

        if (File.Exists(target))
        {
            throw new ConversionException($"{destination} is a file; give the name of a new folder.");
        }

        if (!force && Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any())
        {
            throw new ConversionException($"The folder {destination} is not empty; give another one, or allow it to be replaced (--force).");
        }

        string parent = System.IO.Path.GetDirectoryName(target)
            ?? throw new ConversionException($"{destination} is no place for a checkpoint; give the name of a new folder.");
        string temporary = target + AtomicFile.Ending;
        bool isOurs = File.Exists(temporary + ".lock");
        FileStream hold;
        try
        {
            Directory.CreateDirectory(parent);
            hold = new FileStream(temporary + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConversionException(
                File.Exists(temporary + ".lock")
                    ? $"Another conversion is writing to {destination}; wait for it, or give another folder."
                    : $"No folder can be made in {parent} ({e.Message.TrimEnd('.')}); choose another place.",
                e);
        }

        try
        {
            if (Directory.Exists(temporary))
            {
                if (!isOurs)
                {
                    hold.Dispose();
                    throw new ConversionException(
                        $"The folder {temporary} is in the way and not what a conversion left behind; rename it, or give another destination.");
                }

                Directory.Delete(temporary, recursive: true);
            }

            Directory.CreateDirectory(temporary);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            hold.Dispose();
            throw new ConversionException($"No folder can be made in {parent} ({e.Message.TrimEnd('.')}); choose another place.", e);
        }

        return new ConversionFolder(target, temporary, force, hold);
    }

    /// <summary>Gives the folder its name. What was there before is removed only afterwards.</summary>
    /// <exception cref="ConversionException">The name has been taken meanwhile, or cannot be given.</exception>
    public void Publish()
    {
        string? replaced = null;
        try
        {
            if (Directory.Exists(_destination))
            {
                if (!_force && Directory.EnumerateFileSystemEntries(_destination).Any())
                {
                    throw new ConversionException(
                        $"The folder {_destination} has been filled meanwhile; give another one, or allow it to be replaced (--force).");
                }

                replaced = $"{_destination}.{Guid.NewGuid():N}.replaced";
                Directory.Move(_destination, replaced);
            }

            Directory.Move(Path, _destination);
            _published = true;
            if (replaced is not null)
            {
                Directory.Delete(replaced, recursive: true);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (!_published && replaced is not null && !Directory.Exists(_destination))
            {
                Directory.Move(replaced, _destination);
            }

            throw new ConversionException(
                _published
                    ? $"The result is in {_destination}, but the folder it replaced could not be removed ({e.Message.TrimEnd('.')}); remove {replaced} by hand."
                    : $"{_destination} could not be put in place ({e.Message.TrimEnd('.')}); choose another folder.",
                e);
        }
    }

    /// <summary>Removes the folder unless it has its name.</summary>
    public void Dispose()
    {
        if (!_published)
        {
            try
            {
                Directory.Delete(Path, recursive: true);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Nothing can be done about a disk that has gone meanwhile.
            }
        }

        _lock.Dispose();
    }

    static string Full(string path) => System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path));
}
