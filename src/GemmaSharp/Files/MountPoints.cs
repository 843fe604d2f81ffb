using System.Text;

namespace GemmaSharp.Files;

/// <summary>Folders on which a file system is mounted, which cannot be given another name.</summary>
static class MountPoints
{
    const int MostLinks = 40;

    /// <summary>Whether a folder is one. On Windows, where such a folder is a link and can be renamed, and where the system does not say, no.</summary>
    /// <param name="folder">A path that <see cref="Real(string)"/> has made.</param>
    public static bool Contains(string folder)
    {
        try
        {
            return OperatingSystem.IsLinux() ? File.ReadLines("/proc/self/mountinfo").Any(line => Point(line) == folder)
                : !OperatingSystem.IsWindows()
                    && DriveInfo.GetDrives().Any(drive => Path.TrimEndingDirectorySeparator(drive.RootDirectory.FullName) == folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>The full path without links, those in front of its last part too, as mount points are known; what does not exist stays as it is.</summary>
    public static string Real(string path)
    {
        try
        {
            return Real(path, MostLinks);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Links that lead in a circle, or a folder that may not be read: whoever opens the path says it better.
            return Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        }
    }

    static string Real(string path, int most)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)), at = Path.GetPathRoot(full) ?? "";
        foreach (string part in full[at.Length..].Split(Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries))
        {
            at = Path.Combine(at, part);
            if (new DirectoryInfo(at).LinkTarget is string to)
            {
                at = most > 0 ? Real(Path.Combine(Path.GetDirectoryName(at) ?? "", to), most - 1) : throw new IOException("too many links");
            }
        }

        return at;
    }

    /// <summary>The fifth field of a line of <c>mountinfo</c>, in which blanks and the like are written as <c>\040</c>. Source: proc(5).</summary>
    internal static string? Point(string line)
    {
        string[] fields = line.Split(' ');
        if (fields.Length < 5)
        {
            return null;
        }

        List<byte> bytes = [];
        ReadOnlySpan<byte> text = Encoding.UTF8.GetBytes(fields[4]);
        for (int i = 0; i < text.Length; i++)
        {
            bool isCode = text[i] == '\\' && i + 3 < text.Length && text.Slice(i + 1, 3).IndexOfAnyExceptInRange((byte)'0', (byte)'7') < 0;
            bytes.Add(isCode ? (byte)(((text[i + 1] - '0') * 64) + ((text[i + 2] - '0') * 8) + text[i + 3] - '0') : text[i]);
            i += isCode ? 3 : 0;
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }
}
