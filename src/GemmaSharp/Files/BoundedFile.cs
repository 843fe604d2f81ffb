namespace GemmaSharp.Files;

/// <summary>Reads whole files, and never more of them than allowed, whatever length the system reports.</summary>
/// <remarks>Stateless, thread-safe. Errors of the file system come as they are; whoever reads knows what to call the file.</remarks>
static class BoundedFile
{
    /// <summary>Bytes of a regular file, links followed; 0 for a pipe or a device, which have no length; null where there is no file.</summary>
    /// <exception cref="IOException">Links lead in a circle, or the folder cannot be read.</exception>
    public static long? Length(string path)
    {
        var file = new FileInfo(path);
        if (file.LinkTarget is not null)
        {
            file = file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo;
        }

        return file is { Exists: true } ? file.Length : null;
    }

    /// <summary>The content of a regular file; nothing from a pipe or a device, which might be waited for or never end.</summary>
    /// <param name="path">The file.</param>
    /// <param name="most">The most bytes it may have.</param>
    /// <returns>The bytes; null when there are more than <paramref name="most"/>.</returns>
    /// <exception cref="IOException">It does not exist or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read, or is a folder.</exception>
    public static byte[]? ReadRegular(string path, int most) => Length(path) == 0 ? [] : Read(path, most);

    /// <summary>The content of a file, which may also be a pipe.</summary>
    /// <inheritdoc cref="ReadRegular"/>
    public static byte[]? Read(string path, int most)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 0);
        return ReadAll(stream, most);
    }

    /// <summary>Whether an exception is the file system's refusal: of a path, its place, its permissions or its size.</summary>
    /// <remarks>A file longer than the system allows is an <see cref="ArgumentException"/> in .NET, and so is a path with a NUL.</remarks>
    public static bool IsRefusal(Exception e) => e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException;

    /// <summary>A refusal as a sentence for a person.</summary>
    public static string Unreadable(string path, Exception e)
    {
        string reason = e switch
        {
            FileNotFoundException or DirectoryNotFoundException => "does not exist",
            UnauthorizedAccessException when Directory.Exists(path) => "is a folder",
            UnauthorizedAccessException => "may not be read",
            ArgumentException when path.Length == 0 => "The path is empty",
            _ => $"cannot be read ({e.Message.TrimEnd('.')})",
        };
        return $"{path}{(path.Length > 0 ? " " : "")}{reason}; give the path of a readable file.";
    }

    /// <summary>Everything from a stream's position on.</summary>
    /// <param name="stream">The stream; left open.</param>
    /// <param name="most">The most bytes it may have.</param>
    /// <returns>The bytes; null when there are more than <paramref name="most"/>.</returns>
    public static byte[]? ReadAll(Stream stream, long most)
    {
        // What the stream says saves copies; what it gives is counted.
        long said = stream.CanSeek ? Math.Clamp(stream.Length - stream.Position, 0, Math.Min(most, Array.MaxLength)) : 0;
        using var memory = new MemoryStream((int)said);
        byte[] buffer = new byte[1 << 16];
        for (int count; (count = stream.Read(buffer)) > 0;)
        {
            if (memory.Length + count > most)
            {
                return null;
            }

            memory.Write(buffer, 0, count);
        }

        return memory.Length == memory.Capacity ? memory.GetBuffer() : memory.ToArray();
    }
}
