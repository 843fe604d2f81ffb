using GemmaSharp.Hub;

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

    [Fact]
    public void Find_SnapshotThatIsNotWhole_GivesWayToOneThatIs()
    {
        DirectoryInfo repository = _cache.CreateSubdirectory("models--org--name");
        DirectoryInfo whole = repository.CreateSubdirectory("snapshots").CreateSubdirectory("abc123");
        DirectoryInfo broken = repository.CreateSubdirectory("snapshots").CreateSubdirectory("def456");
        File.WriteAllText(Path.Combine(repository.CreateSubdirectory("refs").FullName, "main"), "def456");
        foreach (string name in (string[])["config.json", "tokenizer.json", "model.safetensors"])
        {
            File.WriteAllText(Path.Combine(whole.FullName, name), "{}");
        }

        File.WriteAllText(Path.Combine(broken.FullName, "config.json"), "{}");
        var notices = new List<string>();
        Assert.Equal(whole.FullName, ModelLocator.Find("org/name", Cache, notices.Add));
        Assert.Contains("(def456), so that another snapshot of it is used (abc123)", Assert.Single(notices), StringComparison.Ordinal);
        File.Delete(Path.Combine(whole.FullName, "model.safetensors"));
        Assert.Equal(broken.FullName, Find("org/name"));
        if (!OperatingSystem.IsWindows())
        {
            // A link into a cache from which the file has gone.
            File.CreateSymbolicLink(Path.Combine(whole.FullName, "model.safetensors"), Path.Combine(_cache.FullName, "none"));
            Assert.Equal(broken.FullName, Find("org/name"));
        }
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
        Assert.Contains("gemma pull org/name", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("e2b", "models--google--gemma-3n-E2B-it")]
    [InlineData("E2B@main", "models--google--gemma-3n-E2B-it")]
    [InlineData("gemma-3n-e2b-it", "models--google--gemma-3n-E2B-it")]
    [InlineData("google/gemma-3n-E2B-it@abc123", "models--google--gemma-3n-E2B-it")]
    public void Find_ShortNameOrRevision_IsItsSnapshot(string model, string folder)
    {
        DirectoryInfo repository = _cache.CreateSubdirectory(folder);
        DirectoryInfo wanted = repository.CreateSubdirectory("snapshots").CreateSubdirectory("abc123");
        File.WriteAllText(Path.Combine(repository.CreateSubdirectory("refs").FullName, "main"), "abc123");
        Assert.Equal(wanted.FullName, Find(model));
        Assert.Equal("google/gemma-3n-E2B-it", ModelLocator.Missing(model, Cache)?.Id);
    }

    [Fact]
    public void FindAdapter_NameInTheCache_IsASnapshotThatIsWhole()
    {
        DirectoryInfo snapshots = _cache.CreateSubdirectory("models--org--poet").CreateSubdirectory("snapshots");
        DirectoryInfo whole = snapshots.CreateSubdirectory("abc123"), broken = snapshots.CreateSubdirectory("def456");
        File.WriteAllText(Path.Combine(whole.FullName, "adapter_config.json"), "{}");
        File.WriteAllText(Path.Combine(broken.FullName, "adapter_config.json"), "{}");
        File.WriteAllText(Path.Combine(whole.FullName, "adapter_model.safetensors"), "");
        Assert.Equal(whole.FullName, ModelLocator.FindAdapter("org/poet", Cache));
        Assert.Equal("adapters/poet/v1", ModelLocator.FindAdapter("adapters/poet/v1", Cache));
        CliException error = Assert.Throws<CliException>(() => ModelLocator.FindAdapter("org/nobody", Cache));
        Assert.Contains("gemma pull org/nobody", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Find_FormOfAGgufRepository_IsItsFile()
    {
        DirectoryInfo snapshot = _cache.CreateSubdirectory("models--org--name").CreateSubdirectory("snapshots").CreateSubdirectory("abc123");
        string file = Path.Combine(snapshot.FullName, "name-Q4_K_M.gguf");
        File.WriteAllText(file, "GGUF");
        Assert.Equal(file, Find("org/name:q4_k_m"));
        Assert.Null(ModelLocator.Missing("org/name:q4_k_m", Cache));
        Assert.Contains("\"gemma pull org/name:Q8_0\"", Assert.Throws<CliException>(() => Find("org/name:Q8_0")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("gemma-3n-e2b-it")]
    [InlineData("./org/name")]
    [InlineData("models/mine/x")]
    public void Find_WhatIsNoRepositoryAndNoFolder_IsLeftToTheReader(string model)
    {
        Assert.Equal(model, Find(model));
        Assert.Null(ModelLocator.Missing(model, Cache));
    }

    HubCache Cache => new(new HubOptions { CacheFolder = _cache.FullName });

    string Find(string? model) => ModelLocator.Find(model, Cache);
}
