using GemmaSharp.Files;

namespace GemmaSharp.Cli.Conversations;

/// <summary>Files that commands write.</summary>
static class OutputFiles
{
    /// <summary>Finds out before any work whether <paramref name="path"/> can be written.</summary>
    /// <exception cref="CliException">The path is empty.</exception>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static void RequireWritable(string path)
    {
        if (path.Length == 0 || path.Contains('\0', StringComparison.Ordinal))
        {
            throw CliException.Usage("The path to save to is empty; give the path of a file.");
        }

        AtomicFile.RequireWritable(path);
    }
}
