namespace GemmaSharp.EndToEnd.Tests;

/// <summary>The demo checkpoint and files it understands.</summary>
static class Demo
{
    public static string Folder { get; } = Path.Combine(AppContext.BaseDirectory, "models", "gemma-3n-demo");

    /// <summary>The held-out items with their pictures and clips.</summary>
    public static string Items { get; } = Path.Combine(AppContext.BaseDirectory, "Goldens", "demo");

    public static string Golden(string name) => Path.Combine(Items, name);

    /// <summary>A copy of the demo's small files, for tests that change one.</summary>
    public static void CopyConfiguration(string folder)
    {
        foreach (string file in Directory.EnumerateFiles(Folder).Where(file => !file.EndsWith(".safetensors", StringComparison.Ordinal)))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }
    }
}
