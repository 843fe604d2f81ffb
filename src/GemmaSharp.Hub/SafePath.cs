using System.Buffers;

namespace GemmaSharp.Hub;

/// <summary>Whether a path that a server names stays where it is put, on every system.</summary>
static class SafePath
{
    const int Longest = 1024;

    static readonly SearchValues<char> s_signs = SearchValues.Create("\\:<>\"|?*");

    static readonly HashSet<string> s_devices = new(
        ["CON", "PRN", "AUX", "NUL", .. Enumerable.Range(0, 10).SelectMany(i => (string[])[$"COM{i}", $"LPT{i}"])], StringComparer.OrdinalIgnoreCase);

    /// <summary>What is wrong with it, to follow <c>which</c>; null when nothing is.</summary>
    /// <param name="path">A path with <c>/</c>.</param>
    public static string? Problem(string path)
    {
        if (path.Length is 0 or > Longest)
        {
            return path.Length == 0 ? "is empty" : "is too long";
        }

        if (path.Any(char.IsControl) || path.AsSpan().ContainsAny(s_signs))
        {
            return "has a character that no file name has everywhere";
        }

        foreach (string part in path.Split('/'))
        {
            if (part.Length == 0 || part is "." or ".." || part.EndsWith('.') || part.EndsWith(' ') || part.StartsWith(' '))
            {
                return "is no path inside a folder";
            }

            if (s_devices.Contains(part.Split('.')[0]))
            {
                return "is a device on some systems";
            }
        }

        return null;
    }
}
