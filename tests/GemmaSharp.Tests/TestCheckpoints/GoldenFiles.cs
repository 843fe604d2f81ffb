namespace GemmaSharp.Tests.TestCheckpoints;

/// <summary>Paths of recorded reference results, which are copied beside the tests.</summary>
public static class GoldenFiles
{
    public static string Root { get; } = Path.Combine(AppContext.BaseDirectory, "Goldens");

    /// <summary>A path below <c>Goldens</c>: <c>GoldenFiles.Find("tiny-a/goldens/image.safetensors")</c>.</summary>
    public static string Find(string relative)
    {
        string path = Path.Combine(Root, relative.Replace('/', Path.DirectorySeparatorChar));
        return Path.Exists(path) ? path : throw new FileNotFoundException($"{relative} is not among the goldens in {Root}.", path);
    }
}
