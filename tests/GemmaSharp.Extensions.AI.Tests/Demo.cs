namespace GemmaSharp.Extensions.AI.Tests;

/// <summary>The demo checkpoint, loaded for the tests of one class, and files it understands.</summary>
public sealed class Demo : IDisposable
{
    public static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "models", "gemma-3n-demo");

    /// <summary>Greedy, so that answers can be compared.</summary>
    public static readonly ChatOptions Greedy = new() { Temperature = 0, MaxOutputTokens = 60 };

    public GemmaModel Model { get; } = GemmaModel.Load(Folder);

    public static string Golden(string name) => Path.Combine(AppContext.BaseDirectory, "Goldens", "demo", name);

    public static DataContent Data(string name, string mediaType) => new(File.ReadAllBytes(Golden(name)), mediaType);

    public void Dispose() => Model.Dispose();
}
