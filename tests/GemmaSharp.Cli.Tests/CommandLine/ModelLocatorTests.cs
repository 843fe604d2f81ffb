namespace GemmaSharp.Cli.Tests.CommandLine;

public sealed class ModelLocatorTests : IDisposable
{
    readonly DirectoryInfo _cache = Directory.CreateTempSubdirectory("gemma-test-");

    public ModelLocatorTests() => Environment.SetEnvironmentVariable("HF_HUB_CACHE", _cache.FullName);

    public void Dispose()
    {
        Environment.SetEnvironmentVariable("HF_HUB_CACHE", null);
        _cache.Delete(recursive: true);
    }

    [Fact]
    public void Find_None_IsTheDemo() => Assert.True(File.Exists(Path.Combine(ModelLocator.Find(null), "model.safetensors")));

    [Fact]
    public void Find_Path_IsThatPath() => Assert.Equal("./some/where", ModelLocator.Find("./some/where"));

    [Fact]
    public void Find_NameInTheCache_IsTheSnapshotOfMain()
    {
        DirectoryInfo repository = _cache.CreateSubdirectory("models--org--name");
        DirectoryInfo wanted = repository.CreateSubdirectory("snapshots").CreateSubdirectory("abc123");
        repository.CreateSubdirectory("snapshots").CreateSubdirectory("def456");
        File.WriteAllText(Path.Combine(repository.CreateSubdirectory("refs").FullName, "main"), "abc123\n");
        Assert.Equal(wanted.FullName, ModelLocator.Find("org/name"));
    }

    [Fact]
    public void Find_ReferenceThatLeavesTheCache_IsNotFollowed()
    {
        DirectoryInfo repository = _cache.CreateSubdirectory("models--org--name");
        DirectoryInfo only = repository.CreateSubdirectory("snapshots").CreateSubdirectory("abc123");
        File.WriteAllText(Path.Combine(repository.CreateSubdirectory("refs").FullName, "main"), "../../..");
        Assert.Equal(only.FullName, ModelLocator.Find("org/name"));
    }

    [Fact]
    public void Find_NameNotInTheCache_SaysHowToGetIt()
    {
        CliException error = Assert.Throws<CliException>(() => ModelLocator.Find("org/name"));
        Assert.Equal(ExitCode.CheckpointRefused, error.ExitCode);
        Assert.Contains("hf download org/name", error.Message, StringComparison.Ordinal);
    }
}
