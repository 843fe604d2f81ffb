namespace GemmaSharp.Numerics.Tests;

/// <summary>Where the sources are, for tests that read them.</summary>
internal static class Repository
{
    /// <summary>The folder of the solution; null when the tests run without it.</summary>
    public static string? Root { get; } = Find();

    static string? Find()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "GemmaSharp.slnx")))
        {
            folder = folder.Parent;
        }
        return folder?.FullName;
    }
}
