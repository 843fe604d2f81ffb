namespace GemmaSharp.Cli;

/// <summary>Tells whether the program was started with a standard stream, or without (<c>gemma run &lt;&amp;-</c>, <c>2&gt;&amp;-</c>).</summary>
/// <remarks>
/// The number of one that was closed goes to the next thing that the runtime opens for itself: reading it would wait for ever, and writing to it be refused or
/// do harm. Only Linux says what a number stands for; elsewhere all of them count as inherited.
/// </remarks>
static class InheritedDescriptor
{
    const string Own = "/proc/self/fd";
    const int ReadOnly = 0, WriteOnly = 1;

    /// <summary>Whether standard input, 0, was there.</summary>
    public static bool IsInput() => Is(0, WriteOnly);

    /// <summary>Whether standard output, 1, or standard error, 2, was there.</summary>
    public static bool IsOutput(int number) => Is(number, ReadOnly);

    static bool Is(int number, int wrongWay)
    {
        if (!OperatingSystem.IsLinux())
        {
            return true;
        }

        try
        {
            string path = Path.Combine(Own, number.ToString(System.Globalization.CultureInfo.InvariantCulture)), name = Name(path);
            bool isOwn = name.StartsWith("anon_inode:", StringComparison.Ordinal) || Way(path) == wrongWay

                // Of a pipe between programs each holds one end; of the runtime's own both are here.
                || (name.StartsWith("pipe:", StringComparison.Ordinal) && Directory.EnumerateFiles(Own).Any(
                    other => Name(other) == name && Way(other) is int way && way != Way(path)));
            return !isOwn;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }

    static string Name(string path)
    {
        try
        {
            return File.ResolveLinkTarget(path, returnFinalTarget: false)?.Name ?? "";
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Closed since it was listed.
            return "";
        }
    }

    /// <summary>0 for reading, 1 for writing, 2 for both; null where it is not said. Source: proc(5), the flags of <c>open</c>, octal.</summary>
    static int? Way(string path)
    {
        try
        {
            string? flags = File.ReadLines(path.Replace("/fd/", "/fdinfo/", StringComparison.Ordinal))
                .FirstOrDefault(line => line.StartsWith("flags:", StringComparison.Ordinal));
            return flags is null ? null : (flags[^1] - '0') & 3;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
