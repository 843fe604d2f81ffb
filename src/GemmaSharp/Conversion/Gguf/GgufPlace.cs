using GemmaSharp.Checkpoints.Gguf;
using GemmaSharp.Files;

namespace GemmaSharp.Conversion.Gguf;

/// <summary>Where the files of a conversion to GGUF are written until all of them are complete; disposing before that leaves nothing.</summary>
/// <remarks>
/// They lie in a folder <c>NAME.partial</c> beside the destination and get their names together, after what they replace has left. What a process that was
/// killed left behind is removed by the next conversion to the same name; a lock file tells it from one that is running.
/// </remarks>
sealed class GgufPlace : IDisposable
{
    const string Replaced = "replaced";

    readonly string _destination;
    readonly string _folder;
    readonly FileStream _lock;
    readonly string[] _made;
    bool _published;

    GgufPlace(string destination, string folder, FileStream hold, string[] made) => (_destination, _folder, _lock, _made) = (destination, folder, hold, made);

    /// <summary>The text model's file, or the name that its parts are called after.</summary>
    public string Text => Path.Combine(_folder, Path.GetFileName(_destination));

    /// <summary>The file with the towers.</summary>
    public string Projector => Path.Combine(_folder, ProjectorName(_destination));

    /// <summary>Makes the place.</summary>
    /// <param name="source">What is converted.</param>
    /// <param name="destination">The file that is wanted.</param>
    /// <param name="force">Whether an earlier result may be replaced.</param>
    /// <exception cref="ConversionException">The name is taken or no good, another conversion writes there, or the place cannot be written to.</exception>
    public static GgufPlace Create(string source, string destination, bool force)
    {
        string target;
        try
        {
            target = AtomicFile.Target(destination);
        }
        catch (IOException e)
        {
            throw new ConversionException($"{destination} cannot be written: {e.Message.TrimEnd('.')}; give the name of a file.", e);
        }

        if (GgufFileNames.IsProjector(target))
        {
            throw new ConversionException(
                $"{Path.GetFileName(target)} is what the file with a model's towers is called; give a name without \"mmproj\" for the model.");
        }

        string parent = Path.GetDirectoryName(target)!, folder = target + AtomicFile.Ending, origin = Path.GetFullPath(source);
        string[] earlier = [.. Earlier(target)];
        if (earlier.Contains(origin))
        {
            throw new ConversionException($"The result cannot be written to {origin}, where the source is; give another name.");
        }

        if (earlier.Length > 0 && !force)
        {
            throw new ConversionException($"The file {earlier[0]} is there already; give another name, or allow it to be replaced (--force).");
        }

        bool isOurs = ConversionLock.IsOfConversion(folder);
        string[] made = [.. ConversionLock.Missing(parent)];
        FileStream hold = ConversionLock.Take(folder, parent, destination, "name");

        if (Path.Exists(folder) && !(isOurs && Directory.Exists(folder)))
        {
            hold.Dispose();
            throw new ConversionException($"{folder} is in the way and not what a conversion left behind; rename it, or give another name.");
        }

        var place = new GgufPlace(target, folder, hold, made);
        try
        {
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }

            Directory.CreateDirectory(folder);
            return place;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            place.Dispose();
            throw new ConversionException($"Nothing can be made in {parent} ({e.Message.TrimEnd('.')}); choose another place.", e);
        }
    }

    /// <summary>Gives the files their names. What an earlier conversion to the same name wrote goes, all of it or nothing.</summary>
    /// <param name="files">The files in this place.</param>
    /// <returns>Where they are now.</returns>
    /// <exception cref="ConversionException">A name cannot be given; everything is as it was.</exception>
    public IReadOnlyList<string> Publish(IReadOnlyList<string> files)
    {
        string parent = Path.GetDirectoryName(_destination)!, replaced = Path.Combine(_folder, Replaced);
        var moved = new Stack<(string From, string To)>();
        try
        {
            Directory.CreateDirectory(replaced);
            foreach (string earlier in Earlier(_destination).ToArray())
            {
                Move(earlier, Path.Combine(replaced, Path.GetFileName(earlier)));
            }

            string[] published = [.. files.Select(file => Path.Combine(parent, Path.GetFileName(file)))];
            for (int i = 0; i < published.Length; i++)
            {
                Move(files[i], published[i]);
            }

            _published = true;
            return published;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            while (moved.TryPop(out (string From, string To) last))
            {
                File.Move(last.To, last.From);
            }

            throw new ConversionException($"{_destination} could not be put in place ({e.Message.TrimEnd('.')}); choose another name.", e);
        }

        void Move(string from, string to)
        {
            File.Move(from, to);
            moved.Push((from, to));
        }
    }

    /// <summary>Removes what has no name, and what was replaced.</summary>
    public void Dispose()
    {
        try
        {
            if (Directory.Exists(_folder))
            {
                Directory.Delete(_folder, recursive: true);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Nothing can be done about a disk that has gone meanwhile.
        }

        _lock.Dispose();
        try
        {
            Array.ForEach(_published ? [] : _made, Directory.Delete);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Somebody has put something there meanwhile.
        }
    }

    static string ProjectorName(string destination) => "mmproj-" + Path.GetFileName(destination);

    /// <summary>The files that an earlier conversion to a name left: the file or its parts, and that of the towers.</summary>
    static IEnumerable<string> Earlier(string destination)
    {
        string parent = Path.GetDirectoryName(destination)!;
        if (!Directory.Exists(parent))
        {
            yield break;
        }

        string name = Path.GetFileName(destination);
        foreach (string file in Directory.EnumerateFiles(parent).Order(StringComparer.Ordinal))
        {
            string other = Path.GetFileName(file);
            if (other == name || other == ProjectorName(destination) || GgufSplits.IsPartOf(other, name))
            {
                yield return file;
            }
        }
    }
}
