
namespace GemmaSharp.Media.Tests;

/// <summary>Paths of the files copied beside the test program.</summary>
static class TestFiles
{
    /// <summary>A file recorded from the reference.</summary>
    public static string Golden(params string[] parts) => Path.Combine([AppContext.BaseDirectory, "Goldens", .. parts]);

    /// <summary>A small file made with common tools; <c>Fixtures/README.md</c> says how.</summary>
    public static string Fixture(string name) => Path.Combine(AppContext.BaseDirectory, "Fixtures", name);
}
