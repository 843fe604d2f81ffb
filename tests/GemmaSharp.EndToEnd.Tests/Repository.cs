namespace GemmaSharp.EndToEnd.Tests;

/// <summary>The sources, where the tests were built in a checkout that is still there.</summary>
static class Repository
{
    /// <summary>Its folder; null when there is none above the tests.</summary>
    public static string? Folder { get; } = Find();

    /// <summary>Skips a test that builds from source, where there is none or no shell to run the scripts.</summary>
    public static string Require()
    {
        Assert.SkipWhen(Folder is null, "The sources are not above the tests.");
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The scripts want bash.");
        return Folder!;
    }

    static string? Find()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "GemmaSharp.slnx")))
            {
                return folder.FullName;
            }
        }

        return null;
    }
}
