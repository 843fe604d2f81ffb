using GemmaSharp.Hub.Tests.FakeHub;

namespace GemmaSharp.Hub.Tests;

public sealed class PullTests
{
    const string Id = "org/name";

    static FakeFile[] Files() =>
    [
        new("config.json", """{"model_type":"gemma3n"}"""),
        new("README.md", "# A model\n"),
        new(".gitattributes", "*.safetensors filter=lfs\n"),
        FakeFile.Large("tokenizer.json", 700, 2),
        FakeFile.Large("model-00001-of-00002.safetensors", 5300, 3),
        FakeFile.Large("model-00002-of-00002.safetensors", 1900, 4),
        new("model.safetensors.index.json", """{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}"""),
        FakeFile.Large("pytorch_model.bin", 3000, 5),
    ];

    static FakeFile[] Wanted(FakeFile[] files) => [.. files.Where(file => file.Path is not (".gitattributes" or "pytorch_model.bin"))];

    [Fact]
    public async Task Pull_Checkpoint_IsWhatPythonsToolsFind()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        FakeFile[] files = Files();
        FakeRepository repository = fixture.Server.Add(Id, files);
        PullResult result = await fixture.PullAsync(Id);
        string folder = fixture.Repository(Id), commit = repository.Main;
        Assert.Equal(Path.Combine(folder, "snapshots", commit), result.Folder);
        Assert.Equal((commit, result.Folder, Wanted(files).Sum(file => (long)file.Content.Length)), (result.Commit, result.Path, result.DownloadedBytes));
        fixture.AssertSound(Id, commit, Wanted(files));
        Assert.Equal(commit, File.ReadAllText(Path.Combine(folder, "refs", "main")));
        Assert.Equal(Wanted(files).Select(file => file.ETag).Order(), Directory.EnumerateFiles(Path.Combine(folder, "blobs")).Select(Path.GetFileName).Order());
        Assert.All(Wanted(files), file => Assert.Equal(
            Path.Combine("..", "..", "blobs", file.ETag), new FileInfo(Path.Combine(result.Folder, file.Path)).LinkTarget));
        Assert.True(File.Exists(Path.Combine(fixture.Cache, "CACHEDIR.TAG")));
        Assert.Equal(Wanted(files).Select(file => file.ETag + ".lock").Order(),
            Directory.EnumerateFiles(Path.Combine(fixture.Cache, ".locks", "models--org--name")).Select(Path.GetFileName).Order());
    }

    [Fact]
    public async Task Pull_Again_ReadsTheListingAlone()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        fixture.Server.Add(Id, Files());
        await fixture.PullAsync(Id);
        fixture.Server.Requests.Clear();
        DateTime[] before = Times();
        Assert.Equal(0, (await fixture.PullAsync(Id)).DownloadedBytes);
        Assert.Equal(before, Times());
        Assert.Empty(fixture.Server.FileRequests);
        Assert.Equal(2, fixture.Server.Requests.Count);

        // Nothing is written either: a cache that may only be read will do.
        DateTime[] Times() => [.. Directory.EnumerateFileSystemEntries(fixture.Cache, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Append(fixture.Cache).Select(File.GetLastWriteTimeUtc)];
    }

    [Fact]
    public async Task Pull_LargeFile_IsAskedForInPartsFromTheOtherHostWithoutTheToken()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        fixture.Server.Tokens["hf_secret"] = true;
        fixture.Variables["HF_TOKEN"] = "hf_secret\n";
        fixture.Server.Add(Id, Files());
        await fixture.PullAsync(Id);
        FakeRequest[] store = [.. fixture.Server.Requests.Where(request => request.IsStore)], hub = [.. fixture.Server.Requests.Where(request => !request.IsStore)];
        Assert.All(store, request => Assert.Equal("", request.Authorization));
        Assert.All(hub, request => Assert.Equal("Bearer hf_secret", request.Authorization));
        Assert.All(fixture.Server.Requests, request => Assert.Equal("identity", request.AcceptEncoding));
        Assert.All(fixture.Server.Requests, request => Assert.Matches(@"^gemma/\S+; dotnet/\S+$", request.UserAgent));
        Assert.Equal(
            ["", "", "bytes=0-999", "bytes=1000-1999", "bytes=2000-2999", "bytes=3000-3999", "bytes=4000-4999", "bytes=5000-5299"],
            store.Select(request => request.Range).Order(StringComparer.Ordinal));
    }
}
