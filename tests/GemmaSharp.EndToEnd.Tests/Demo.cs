namespace GemmaSharp.EndToEnd.Tests;

/// <summary>The demo checkpoint and files it understands.</summary>
static class Demo
{
    public static string Folder { get; } = Path.Combine(AppContext.BaseDirectory, "models", "gemma-3n-demo");

    public static string Golden(string name) => Path.Combine(AppContext.BaseDirectory, "Goldens", "demo", name);

    /// <summary>A copy of the demo's small files, for tests that change one.</summary>
    public static void CopyConfiguration(string folder)
    {
        foreach (string file in Directory.EnumerateFiles(Folder).Where(file => !file.EndsWith(".safetensors", StringComparison.Ordinal)))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }
    }
}
