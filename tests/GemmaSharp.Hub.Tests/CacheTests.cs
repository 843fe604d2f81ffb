using GemmaSharp.Hub.Tests.FakeHub;

namespace GemmaSharp.Hub.Tests;

/// <summary>What is in the cache, whoever has put it there; and what goes.</summary>
public sealed class CacheTests
{
    const string Id = "org/name";

    static readonly FakeFile s_tokenizer = FakeFile.Large("tokenizer.json", 200, 2);

    static FakeFile[] Files(int seed = 1) =>
        [new("config.json", """{"torch_dtype":"bfloat16"}"""), new("README.md", "# " + seed), s_tokenizer, FakeFile.Large("model.safetensors", 3000, seed)];

    [Fact]
    public async Task Pull_Layout_IsByteForByteAsRecorded()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        FakeFile[] files = [new("config.json", "{}"), new("sub/dir/a.json", "[]"), FakeFile.Large("model.safetensors", 10)];
        string commit = fixture.Server.Add(Id, files).Main;
        await fixture.PullAsync($"{Id}@main");
        string folder = fixture.Repository(Id);
        Assert.Equal(
            [
                $"blobs/{files[0].ETag}", $"blobs/{files[1].ETag}", $"blobs/{files[2].ETag}", "refs/main", $"snapshots/{commit}/config.json",
                $"snapshots/{commit}/model.safetensors", $"snapshots/{commit}/sub/dir/a.json", $"trees/{commit}.json",
            ],
            Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(folder, path)).OrderBy(path => path.Split('/')[0])
                .ThenBy(path => Array.FindIndex(files, file => path.EndsWith(file.ETag, StringComparison.Ordinal))).ThenBy(path => path, StringComparer.Ordinal));
        Assert.Equal($"../../../../blobs/{files[1].ETag}", new FileInfo(Path.Combine(folder, "snapshots", commit, "sub", "dir", "a.json")).LinkTarget);
        Assert.Equal($"../../blobs/{files[0].ETag}", new FileInfo(Path.Combine(folder, "snapshots", commit, "config.json")).LinkTarget);
        Assert.Equal(commit, File.ReadAllText(Path.Combine(folder, "refs", "main")));
        Assert.Equal(
            """{"format_version":1,"files":{"config.json":{"size":2,"blob_id":"OID0"},"model.safetensors":{"size":10,"blob_id":"OID2","lfs_sha256":"SHA2","lfs_size":10,"""
            .Replace("OID0", files[0].Oid, StringComparison.Ordinal).Replace("OID2", files[2].Oid, StringComparison.Ordinal)
            .Replace("SHA2", files[2].Sha256, StringComparison.Ordinal)
            + "\"xet_hash\":\"" + files[2].Sha256 + "\"},\"sub/dir/a.json\":{\"size\":2,\"blob_id\":\"" + files[1].Oid + "\"}}}",
            File.ReadAllText(Path.Combine(folder, "trees", commit + ".json")));
        Assert.StartsWith("Signature: 8a477f597d28d172789f06886806bc55", File.ReadAllText(Path.Combine(fixture.Cache, "CACHEDIR.TAG")), StringComparison.Ordinal);
        if (!OperatingSystem.IsWindows())
        {
            // As every new file: others of a shared cache may read what its creator's mask allows.
            string plain = Path.Combine(fixture.Cache, "plain");
            File.WriteAllText(plain, "");
            UnixFileMode mode = File.GetUnixFileMode(plain);
            foreach (FakeFile file in files)
            {
                Assert.Equal(mode, File.GetUnixFileMode(Path.Combine(folder, "blobs", file.ETag)));
            }
        }
    }

    [Theory]
    [InlineData("v1.0", "refs/v1.0")]
    [InlineData("feature/x", "refs/feature/x")]
    [InlineData("refs/pr/3", "refs/refs/pr/3")]
    public async Task Pull_Revision_IsWrittenDownUnderItsName(string revision, string path)
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        FakeRepository repository = fixture.Server.Add(Id, Files());
        string commit = repository.Commit(Files(7), revision);
        Assert.Equal(commit, (await fixture.PullAsync($"{Id}@{revision}")).Commit);
        Assert.Equal(commit, File.ReadAllText(Path.Combine(fixture.Repository(Id), path)));
        fixture.AssertSound(Id, commit, Files(7));
        Assert.Null(new HubCache(fixture.Options).Find(HubReference.Parse($"{Id}@main")));
        Assert.Equal(commit, Path.GetFileName(new HubCache(fixture.Options).Find(HubReference.Parse($"{Id}@{revision}"))));
        Assert.Equal(commit, Path.GetFileName(new HubCache(fixture.Options).Find(HubReference.Parse($"{Id}@{commit}"))));
        Assert.Equal(commit, Path.GetFileName(new HubCache(fixture.Options).Find(HubReference.Parse($"{Id}@{commit[..7]}"))));
    }

    [Fact]
    public async Task Pull_CommitAlone_LeavesNoReference()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        string commit = fixture.Server.Add(Id, Files()).Main;
        await fixture.PullAsync($"{Id}@{commit}");
        fixture.AssertSound(Id, commit, Files());
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(fixture.Repository(Id), "refs")));
    }

    [Fact]
    public async Task Pull_OneContentUnderTwoNames_ComesOnce()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        byte[] content = FakeFile.Large("x", 3000).Content;
        FakeFile[] files = [new("model.safetensors", content, true), new("copy/model.safetensors", content, true)];
        string commit = fixture.Server.Add(Id, files).Main;
        Assert.Equal(3000, (await fixture.PullAsync(Id)).DownloadedBytes);
        fixture.AssertSound(Id, commit, files);
        using var cache = new TemporaryCache(fixture);
        await fixture.PullAsync(Id, options: cache.Options with { Symlinks = false });
        fixture.AssertSound(Id, commit, files);
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(fixture.Repository(Id), "blobs")));
    }

    [Theory]
    [InlineData("option")]
    [InlineData("variable")]
    [InlineData("file system")]
    public async Task Pull_WithoutLinks_FilesLieInTheSnapshots(string why)
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        FakeRepository repository = fixture.Server.Add(Id, Files(1));
        HubOptions options = fixture.Options;
        options = why switch
        {
            "option" => options with { Symlinks = false },
            "file system" => options with { Machine = fixture.Machine with { Link = (_, _) => throw new UnauthorizedAccessException("A required privilege is not held.") } },
            _ => options,
        };
        if (why == "variable")
        {
            fixture.Variables["HF_HUB_DISABLE_SYMLINKS"] = "1";
        }

        string first = repository.Main;
        await fixture.PullAsync(Id, options: options);
        fixture.AssertSound(Id, first, Files(1));
        Assert.All(Directory.EnumerateFiles(Path.Combine(fixture.Repository(Id), "snapshots", first)), path => Assert.Null(new FileInfo(path).LinkTarget));
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(fixture.Repository(Id), "blobs")));
        Assert.Equal(0, (await fixture.PullAsync(Id, options: options)).DownloadedBytes);

        string second = repository.Commit(Files(2));
        await fixture.PullAsync(Id, options: options);
        fixture.AssertSound(Id, first, Files(1));
        fixture.AssertSound(Id, second, Files(2));
        var cache = new HubCache(options);
        Assert.True((await HubCache.CheckAsync(cache.Find(HubReference.Parse(Id))!, null, HubFixture.Stop)).IsSound);
        CachedRepository listed = Assert.Single(cache.List());
        Assert.Equal((2, Files(1).Concat(Files(2)).Sum(file => (long)file.Content.Length)), (listed.Snapshots.Count, listed.Bytes));
        cache.Remove(cache.PlanRemoval(HubReference.Parse($"{Id}@{first}")));
        fixture.AssertSound(Id, second, Files(2));
    }

    [Fact]
    public async Task Pull_CacheOfPythonsTools_IsUsedWithoutAByte()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        FakeFile[] files = Files();
        string commit = fixture.Server.Add(Id, files).Main;
        WriteAsPythonDoes(fixture, commit, files);
        var cache = new HubCache(fixture.Options);
        string found = cache.Find(HubReference.Parse(Id))!;
        Assert.Equal(Path.Combine(fixture.Repository(Id), "snapshots", commit), found);
        Assert.True((await HubCache.CheckAsync(found, null, HubFixture.Stop)).IsSound);
        Assert.Empty(fixture.Server.Requests);
        Assert.Equal(0, (await fixture.PullAsync(Id)).DownloadedBytes);
        Assert.Empty(fixture.Server.FileRequests);
    }

    [Fact]
    public async Task Find_SnapshotThatLacksAFileOfItsListing_IsNotWhole()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        FakeFile[] files = [.. Files(), new("chat_template.jinja", "{{ x }}")];
        string commit = fixture.Server.Add(Id, files).Main;
        PullResult result = await fixture.PullAsync(Id);
        var cache = new HubCache(fixture.Options);
        File.Delete(Path.Combine(result.Folder, "README.md"));
        Assert.NotNull(cache.Find(HubReference.Parse(Id)));
        File.Delete(Path.Combine(result.Folder, "chat_template.jinja"));
        Assert.Null(cache.Find(HubReference.Parse(Id)));
        Assert.Equal((false, "chat_template.jinja"), (cache.List()[0].Snapshots[0].IsWhole, Assert.Single(cache.List()[0].Snapshots[0].Missing)));
        await fixture.PullAsync(Id);
        fixture.AssertSound(Id, commit, files);
        Assert.NotNull(cache.Find(HubReference.Parse(Id)));
    }

    [Fact]
    public async Task FindByName_OneRepository_IsIt()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        fixture.Server.Add(Id, Files());
        fixture.Server.Add("other/name", Files());
        await fixture.PullAsync(Id);
        var cache = new HubCache(fixture.Options);
        Assert.Equal(Id, cache.FindByName("Name")?.Id);
        Assert.Null(cache.FindByName("ame"));
        await fixture.PullAsync("other/name");
        Assert.Null(cache.FindByName("name"));
    }

    [Fact]
    public async Task List_Cache_SaysWhatThereIs()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        var cache = new HubCache(fixture.Options);
        Assert.Empty(cache.List());
        FakeRepository repository = fixture.Server.Add(Id, Files(1));
        string first = repository.Main;
        await fixture.PullAsync(Id);
        string second = repository.Commit(Files(2));
        await fixture.PullAsync(Id);
        await fixture.PullAsync($"{Id}@main", new PullOptions { Include = ["config.json"] });
        Directory.CreateDirectory(Path.Combine(fixture.Cache, "datasets--org--name"));
        Directory.CreateDirectory(Path.Combine(fixture.Cache, "models--..--.."));
        CachedRepository listed = Assert.Single(cache.List());
        long once = Files(1).Sum(file => (long)file.Content.Length);
        Assert.Equal((Id, once + 3000 + Files(2)[1].Content.Length, 0L), (listed.Id, listed.Bytes, listed.UnfinishedBytes));
        Assert.Equal([first, second], listed.Snapshots.Select(snapshot => snapshot.Commit).OrderBy(commit => commit != first));
        Assert.All(listed.Snapshots, snapshot => Assert.Equal((once, 4, true, "bfloat16", 0),
            (snapshot.Bytes, snapshot.Files, snapshot.IsWhole, snapshot.Form, snapshot.Missing.Count)));
        Assert.Equal(["main"], listed.Snapshots.Single(snapshot => snapshot.Commit == second).Revisions);
        Assert.Empty(listed.Snapshots.Single(snapshot => snapshot.Commit == first).Revisions);
    }

    [Fact]
    public async Task Remove_Snapshot_LeavesWhatOthersShare()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        FakeRepository repository = fixture.Server.Add(Id, Files(1));
        string first = repository.Main;
        await fixture.PullAsync(Id);
        string second = repository.Commit(Files(2));
        await fixture.PullAsync(Id);
        var cache = new HubCache(fixture.Options);
        CacheRemoval removal = cache.PlanRemoval(HubReference.Parse($"{Id}@{first[..8]}"));
        Assert.Equal((first, 0, 3003L, false), (Assert.Single(removal.Commits), removal.Revisions.Count, removal.Bytes, removal.IsWholeRepository));
        fixture.AssertSound(Id, first, Files(1));
        cache.Remove(removal);
        fixture.AssertSound(Id, second, Files(2));
        Assert.False(Path.Exists(Path.Combine(fixture.Repository(Id), "snapshots", first)));
        Assert.False(Path.Exists(Path.Combine(fixture.Repository(Id), "trees", first + ".json")));
        Assert.Equal(4, Directory.EnumerateFiles(Path.Combine(fixture.Repository(Id), "blobs")).Count());

        removal = cache.PlanRemoval(HubReference.Parse($"{Id}@main"));
        Assert.Equal((true, "main"), (removal.IsWholeRepository, Assert.Single(removal.Revisions)));
        cache.Remove(removal);
        Assert.False(Path.Exists(fixture.Repository(Id)));
        Assert.Empty(cache.List());
    }

    [Fact]
    public async Task Remove_FormOfAGgufRepository_LeavesTheOthers()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        FakeFile[] files = [FakeFile.Large("a-Q4_0.gguf", 1000, 1), FakeFile.Large("a-Q8_0.gguf", 2000, 2)];
        string commit = fixture.Server.Add(Id, files).Main;
        await fixture.PullAsync($"{Id}:Q4_0");
        await fixture.PullAsync($"{Id}:Q8_0");
        var cache = new HubCache(fixture.Options);
        Assert.Equal(("Q4_0 Q8_0", true), (cache.List()[0].Snapshots[0].Form, cache.List()[0].Snapshots[0].IsWhole));
        CacheRemoval removal = cache.PlanRemoval(HubReference.Parse($"{Id}:q8_0"));
        Assert.Equal(2000, removal.Bytes);
        cache.Remove(removal);
        Assert.Equal(["a-Q4_0.gguf"], Directory.EnumerateFiles(Path.Combine(fixture.Repository(Id), "snapshots", commit)).Select(Path.GetFileName));
        fixture.AssertSound(Id, commit, files[0]);
        Assert.Single(Directory.EnumerateFiles(Path.Combine(fixture.Repository(Id), "blobs")));
        Assert.Equal("The cache has no form \"Q8_0\" of org/name; it has Q4_0.", Assert.Throws<HubException>(() => cache.PlanRemoval(HubReference.Parse($"{Id}:Q8_0"))).Message);
    }

    [Fact]
    public async Task Remove_WhatIsNotThereOrLeadsElsewhere_IsRefused()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        fixture.Server.Add(Id, Files());
        string commit = (await fixture.PullAsync(Id)).Commit;
        var cache = new HubCache(fixture.Options);
        Assert.Equal($"org/other is not in the cache {fixture.Cache}; \"gemma list\" shows what is.",
            Assert.Throws<HubException>(() => cache.PlanRemoval(HubReference.Parse("org/other"))).Message);
        Assert.Equal($"The cache {fixture.Cache} has no \"v9\" of {Id}; it has {commit}.",
            Assert.Throws<HubException>(() => cache.PlanRemoval(HubReference.Parse($"{Id}@v9"))).Message);

        // A folder of a snapshot that is a link to elsewhere: the link goes, and what it leads to stays.
        DirectoryInfo elsewhere = Directory.CreateDirectory(Path.Combine(fixture.Variables["HF_HOME"], "elsewhere"));
        File.WriteAllText(Path.Combine(elsewhere.FullName, "mine"), "mine");
        Directory.CreateSymbolicLink(Path.Combine(fixture.Repository(Id), "snapshots", commit, "sub"), elsewhere.FullName);
        cache.Remove(cache.PlanRemoval(HubReference.Parse(Id)));
        Assert.False(Path.Exists(fixture.Repository(Id)));
        Assert.True(File.Exists(Path.Combine(elsewhere.FullName, "mine")));

        Directory.CreateSymbolicLink(fixture.Repository(Id), elsewhere.FullName);
        Assert.Equal(HubFailure.Storage, Assert.Throws<HubException>(() => cache.PlanRemoval(HubReference.Parse(Id))).Failure);
        Assert.Empty(cache.List());
    }

    [Fact]
    public async Task Remove_WhileItIsDownloaded_IsRefused()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        var weights = FakeFile.Large("model.safetensors", 3000);
        fixture.Server.Add(Id, weights);
        var cache = new HubCache(fixture.Options);
        HubException? busy = null;
        fixture.Server.Fault = (request, _) =>
        {
            if (request.IsStore)
            {
                busy ??= Assert.Throws<HubException>(() => cache.Remove(cache.PlanRemoval(HubReference.Parse(Id))));
            }

            return Task.FromResult(false);
        };
        await fixture.PullAsync(Id);
        Assert.Equal((HubFailure.Busy, $"{Id} is being downloaded by another process; wait for it or end it, and remove it then."), (busy?.Failure, busy?.Message));
        fixture.AssertSound(Id, (await fixture.PullAsync(Id)).Commit, weights);
    }

    [Fact]
    public async Task Check_FilesThatChanged_AreNamedAndRepaired()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        FakeFile[] files = Files();
        string commit = fixture.Server.Add(Id, files).Main;
        string folder = (await fixture.PullAsync(Id)).Folder;
        Assert.True((await HubCache.CheckAsync(folder, null, HubFixture.Stop)).IsSound);

        string weights = Path.Combine(fixture.Repository(Id), "blobs", files[3].ETag);
        byte[] bytes = File.ReadAllBytes(weights);
        bytes[1234] ^= 1;
        File.WriteAllBytes(weights, bytes);
        File.WriteAllText(Path.Combine(fixture.Repository(Id), "blobs", files[0].ETag), "{}");
        File.Delete(Path.Combine(fixture.Repository(Id), "blobs", s_tokenizer.ETag));
        File.WriteAllText(Path.Combine(folder, "notes.txt"), "mine");
        var shares = new List<double>();
        SnapshotCheck check = await HubCache.CheckAsync(folder, new Shares(shares), HubFixture.Stop);
        Assert.False(check.IsSound);
        Assert.Equal(
            [
                ("README.md", CheckedState.Sound, files[1].Oid, null),
                ("config.json", CheckedState.Damaged, files[0].Oid, new FakeFile("", "{}").Oid),
                ("model.safetensors", CheckedState.Damaged, files[3].Sha256, new FakeFile("", bytes, true).Sha256),
                ("notes.txt", CheckedState.Unrecorded, null, null),
                ("tokenizer.json", CheckedState.Missing, s_tokenizer.Sha256, null),
            ],
            check.Files.Select(file => (file.Path, file.State, file.Expected, file.Found)));
        Assert.Equal(shares.Order(), shares);
        Assert.InRange(shares[^1], 0.99, 1);

        // Lengths show the second and the third; only a repair reads the first.
        await fixture.PullAsync(Id);
        Assert.Equal([("model.safetensors", CheckedState.Damaged), ("notes.txt", CheckedState.Unrecorded)],
            (await HubCache.CheckAsync(folder, null, HubFixture.Stop)).Files.Where(file => file.State != CheckedState.Sound).Select(file => (file.Path, file.State)));
        PullResult repaired = await fixture.PullAsync(Id, new PullOptions { Repair = true });
        Assert.Equal(3000, repaired.DownloadedBytes);
        fixture.AssertSound(Id, commit, files);
    }

    [Fact]
    public async Task Check_FolderOfPythonsTools_IsComparedWithWhatTheyWroteDown()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        DirectoryInfo folder = Directory.CreateDirectory(Path.Combine(fixture.Variables["HF_HOME"], "local"));
        FakeFile[] files = [new("config.json", "{}"), FakeFile.Large("sub/model.safetensors", 100)];
        foreach (FakeFile file in files)
        {
            string path = Path.Combine(folder.FullName, file.Path), record = Path.Combine(folder.FullName, ".cache", "huggingface", "download", file.Path + ".metadata");
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            Directory.CreateDirectory(Path.GetDirectoryName(record)!);
            File.WriteAllBytes(path, file.Content);
            File.WriteAllText(record, $"{new string('c', 40)}\n{file.ETag}\n1700000000.5\n");
        }

        SnapshotCheck check = await HubCache.CheckAsync(folder.FullName, null, HubFixture.Stop);
        Assert.Equal([("config.json", CheckedState.Sound), ("sub/model.safetensors", CheckedState.Sound)], check.Files.Select(file => (file.Path, file.State)));
        Directory.Delete(Path.Combine(folder.FullName, ".cache"), recursive: true);
        HubException error = await Assert.ThrowsAsync<HubException>(() => HubCache.CheckAsync(folder.FullName, null, HubFixture.Stop));
        Assert.StartsWith($"No checksums are recorded of {folder.FullName}; give a snapshot of the cache", error.Message, StringComparison.Ordinal);
    }

    static void WriteAsPythonDoes(HubFixture fixture, string commit, FakeFile[] files)
    {
        string folder = fixture.Repository(Id);
        foreach (FakeFile file in files)
        {
            string blob = Path.Combine(folder, "blobs", file.ETag), link = Path.Combine(folder, "snapshots", commit, file.Path);
            Directory.CreateDirectory(Path.GetDirectoryName(blob)!);
            Directory.CreateDirectory(Path.GetDirectoryName(link)!);
            File.WriteAllBytes(blob, file.Content);
            File.CreateSymbolicLink(link, "../../blobs/" + file.ETag);
        }

        Directory.CreateDirectory(Path.Combine(folder, "refs"));
        File.WriteAllText(Path.Combine(folder, "refs", "main"), commit);
    }

    sealed class Shares(List<double> shares) : IProgress<(string File, double Share)>
    {
        public void Report((string File, double Share) value) => shares.Add(value.Share);
    }
}
