namespace GemmaSharp.Cli.Tests.CommandLine;

public sealed class ModelLocatorTests : IDisposable
{
    readonly DirectoryInfo _cache = Directory.CreateTempSubdirectory("gemma-test-");

    public void Dispose() => _cache.Delete(recursive: true);

    [Fact]
    public void Find_None_IsTheDemo() => Assert.True(File.Exists(Path.Combine(Find(null), "model.safetensors")));

    [Fact]
    public void Find_Path_IsThatPath() => Assert.Equal("./some/where", Find("./some/where"));

    [Fact]
    public void Find_NameInTheCache_IsTheSnapshotOfMain()
    {
        DirectoryInfo repository = _cache.CreateSubdirectory("models--org--name");
        DirectoryInfo wanted = repository.CreateSubdirectory("snapshots").CreateSubdirectory("abc123");
        repository.CreateSubdirectory("snapshots").CreateSubdirectory("def456");
        File.WriteAllText(Path.Combine(repository.CreateSubdirectory("refs").FullName, "main"), "abc123\n");
        Assert.Equal(wanted.FullName, Find("org/name"));
    }

    [Theory]
    [InlineData("../../..")]
    [InlineData("")]
    public void Find_ReferenceThatLeavesTheCache_IsNotFollowed(string reference)
    {
        DirectoryInfo repository = _cache.CreateSubdirectory("models--org--name");
        DirectoryInfo only = repository.CreateSubdirectory("snapshots").CreateSubdirectory("abc123");
        File.WriteAllText(Path.Combine(repository.CreateSubdirectory("refs").FullName, "main"), reference);
        Assert.Equal(only.FullName, Find("org/name"));
    }

    [Fact]
    public void Find_NameNotInTheCache_SaysHowToGetIt()
    {
        CliException error = Assert.Throws<CliException>(() => Find("org/name"));
        Assert.Equal(ExitCode.CheckpointRefused, error.ExitCode);
        Assert.Contains("hf download org/name", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void HubCache_Variables_GoFromTheNearestToTheFarthest()
    {
        var variables = new Dictionary<string, string> { ["HF_HUB_CACHE"] = "/hub", ["HF_HOME"] = "/home", ["XDG_CACHE_HOME"] = "/caches" };
        Assert.Equal("/hub", Cache());
        variables["HF_HUB_CACHE"] = "";
        Assert.Equal(Path.Combine("/home", "hub"), Cache());
        variables.Remove("HF_HOME");
        Assert.Equal(Path.Combine("/caches", "huggingface", "hub"), Cache());
        variables.Clear();
        Assert.EndsWith(Path.Combine(".cache", "huggingface", "hub"), Cache(), StringComparison.Ordinal);

        string Cache() => ModelLocator.HubCache(variables.GetValueOrDefault);
    }

    string Find(string? model) => ModelLocator.Find(model, _cache.FullName);
}
