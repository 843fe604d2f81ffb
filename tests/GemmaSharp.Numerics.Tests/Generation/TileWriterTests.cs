namespace GemmaSharp.Numerics.Tests.Generation;

public class TileWriterTests
{
    /// <summary>Set to 1, the test writes the files first: <c>WRITE_TILES=1 dotnet run --project tests/GemmaSharp.Numerics.Tests</c>.</summary>
    const string WriteVariable = "WRITE_TILES";

    [Theory]
    [InlineData("DotTile.cs")]
    [InlineData("RegisterTile.cs")]
    public void Sources_OfTheTiles_AreWhatTheWriterWrites(string file)
    {
        Assert.SkipWhen(Repository.Root is null, "The sources are not beside this build.");
        string path = Path.Combine(Repository.Root!, "src", "GemmaSharp.Numerics", "Kernels", "Products", file);
        string expected = file == "DotTile.cs" ? TileWriter.DotTile() : TileWriter.RegisterTile();
        if (Environment.GetEnvironmentVariable(WriteVariable) == "1")
        {
            File.WriteAllText(path, expected);
        }
        Assert.Equal(expected, File.ReadAllText(path).ReplaceLineEndings("\n"));
    }
}
