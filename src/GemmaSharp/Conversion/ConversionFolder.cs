using GemmaSharp.Files;

namespace GemmaSharp.Conversion;

/// <summary>A folder that has another name until it is complete; disposing before that removes it.</summary>
/// <remarks>
/// It lies beside the destination, and giving it the name is one step of the file system. A destination that cannot be given another name (a mount point, or a
/// folder in a place where nothing may be made) has it inside, and its files are moved up at the end.
/// What a process that was killed left behind is removed by the next conversion to the same place. The lock file beside it tells it from one that is still
/// running, which holds the lock, and from a folder of the user's, which has none.
/// </remarks>
sealed class ConversionFolder : IDisposable
{
    // What a new file system has in its first folder.
    const string LostAndFound = "lost+found";

    readonly string _destination;
    readonly bool _force;
    readonly bool _isInside;
    readonly FileStream _lock;
    readonly string[] _made;
    bool _published;

    ConversionFolder(string destination, string temporary, bool force, bool isInside, FileStream hold, string[] made)
    {
        (_destination, Path, _force, _isInside, _lock, _made) = (destination, temporary, force, isInside, hold, made);
    }

    /// <summary>The folder to write into.</summary>
    public string Path { get; }

    /// <summary>Makes the folder beside the destination, or in it.</summary>
    /// <exception cref="ConversionException">The destination is in use, or the place cannot be written to.</exception>
    public static ConversionFolder Create(string source, string destination, bool force)
    {
        string target = MountPoints.Real(destination), origin = MountPoints.Real(source);
        if (target == origin || origin.StartsWith(target + System.IO.Path.DirectorySeparatorChar, StringComparison.Ordinal))
        {
            throw new ConversionException($"The result cannot be written to {destination}, where the source is; give another folder.");
        }

        if (File.Exists(target))
        {
            throw new ConversionException($"{destination} is a file; give the name of a new folder.");
        }

        bool isInside = Directory.Exists(target) && (MountPoints.Contains(target) || !CanHold(System.IO.Path.GetDirectoryName(target)));
        string temporary = isInside ? System.IO.Path.Combine(target, "conversion" + AtomicFile.Ending) : target + AtomicFile.Ending;
        RequireReplaceable(destination, target, temporary, force);
        string parent = System.IO.Path.GetDirectoryName(temporary)
            ?? throw new ConversionException($"{destination} is no place for a checkpoint; give the name of a new folder.");
        bool isOurs = ConversionLock.IsOfConversion(temporary);
        string[] made = [.. ConversionLock.Missing(parent)];
        FileStream hold = ConversionLock.Take(temporary, parent, destination, "folder");

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

        return new ConversionFolder(target, temporary, force, isInside, hold, made);
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
                if (!_force && Contents().Any())
                {
                    throw new ConversionException(
                        $"The folder {_destination} has been filled meanwhile; give another one, or allow it to be replaced (--force).");
                }

                replaced = _isInside ? $"{Path}.{Guid.NewGuid():N}.replaced" : $"{_destination}.{Guid.NewGuid():N}.replaced";
                if (_isInside)
                {
                    MoveUp(replaced);
                    return;
                }

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
            if (!_isInside && !_published && replaced is not null && !Directory.Exists(_destination))
            {
                Directory.Move(replaced, _destination);
            }

            throw new ConversionException(
                _published
                    ? $"The result is in {_destination}, but what it replaced could not be removed ({e.Message.TrimEnd('.')}); remove {replaced} by hand."
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
        if (!_published)
        {
            try
            {
                Array.ForEach(_made, Directory.Delete);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Somebody has put something there meanwhile.
            }
        }
    }

    /// <summary>Puts the result into the destination by moving its files up, and what was there out of the way; back, where one cannot be moved.</summary>
    void MoveUp(string replaced)
    {
        string[] before = [.. Contents()];
        Directory.CreateDirectory(replaced);
        var moved = new Stack<(string From, string To)>();
        try
        {
            foreach (string entry in before)
            {
                Move(entry, System.IO.Path.Combine(replaced, System.IO.Path.GetFileName(entry)));
            }

            foreach (string entry in Directory.EnumerateFileSystemEntries(Path).ToArray())
            {
                Move(entry, System.IO.Path.Combine(_destination, System.IO.Path.GetFileName(entry)));
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            while (moved.TryPop(out (string From, string To) last))
            {
                Directory.Move(last.To, last.From);
            }

            Directory.Delete(replaced);
            throw;
        }

        _published = true;
        Directory.Delete(Path);
        Directory.Delete(replaced, recursive: true);

        void Move(string from, string to)
        {
            // Of files too, in spite of its name.
            Directory.Move(from, to);
            moved.Push((from, to));
        }
    }

    /// <summary>What is in the destination, without what belongs to this conversion or to the file system.</summary>
    IEnumerable<string> Contents() => Contents(_destination, Path);

    static IEnumerable<string> Contents(string target, string temporary) => Directory.EnumerateFileSystemEntries(target)
        .Where(entry => !entry.StartsWith(temporary, StringComparison.Ordinal) && System.IO.Path.GetFileName(entry) != LostAndFound);

    /// <summary>Only an empty folder is written to without being asked, and only a checkpoint is replaced: anything else is the user's.</summary>
    static void RequireReplaceable(string destination, string target, string temporary, bool force)
    {
        string[] there = Directory.Exists(target) ? [.. Contents(target, temporary)] : [];
        if (there.Length == 0)
        {
            return;
        }

        if (!force)
        {
            throw new ConversionException($"The folder {destination} is not empty; give another one, or allow it to be replaced (--force).");
        }

        if (!File.Exists(System.IO.Path.Combine(target, "config.json"))
            && !Array.Exists(there, entry => entry.EndsWith(".safetensors", StringComparison.Ordinal)))
        {
            throw new ConversionException(
                $"The folder {destination} holds {System.IO.Path.GetFileName(there[0])} and no checkpoint, so that it is not replaced; give another one, or "
                    + "empty it.");
        }
    }

    /// <summary>Whether folders can be made in a folder.</summary>
    static bool CanHold(string? folder)
    {
        if (folder is null || !Directory.Exists(folder))
        {
            return folder is not null;
        }

        string probe = System.IO.Path.Combine(folder, $".gemma-{Guid.NewGuid():N}");
        try
        {
            Directory.CreateDirectory(probe);
            Directory.Delete(probe);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
