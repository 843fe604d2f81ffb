using GemmaSharp.Hub.Tests.FakeHub;

namespace GemmaSharp.Hub.Tests;

/// <summary>The mmproj file of a form of GGUF: which is pulled with it, that it is listed, found by the model, and goes with the last that can use it.</summary>
public sealed class ProjectorTests
{
    const string Id = "org/gguf";

    static readonly string[] s_oneModel =
    [
        "README.md", "gemma-3n-E2B-it-Q4_K_M.gguf", "gemma-3n-E2B-it-IQ4_XS.gguf", "gemma-3n-E2B-it-Q8_0.gguf", "BF16/gemma-3n-E2B-it-BF16-00001-of-00002.gguf",
        "BF16/gemma-3n-E2B-it-BF16-00002-of-00002.gguf", "F16/gemma-3n-E2B-it-F16.gguf", "F16/mmproj-F32.gguf", "mmproj-BF16.gguf", "mmproj-F16.gguf", "mmproj-F32.gguf",
    ];

    static readonly string[] s_twoModels =
    [
        "gemma-3n-E2B-it-Q4_K_M.gguf", "gemma-3n-E4B-it-Q8_0.gguf", "E4B/gemma-3n-E4B-it-Q6_K.gguf", "mmproj-gemma-3n-E2B-it-F32.gguf", "gemma-3n-E4B-it.mmproj-f16.gguf",
    ];

    [Theory]
    [InlineData("Q4_K_M", "mmproj-F16.gguf")]
    [InlineData("BF16", "mmproj-F16.gguf")]
    [InlineData("F16", "F16/mmproj-F32.gguf")]
    [InlineData("Q4_K_M", "mmproj-BF16.gguf", "mmproj-F16*")]
    [InlineData("Q4_K_M", "mmproj-F32.gguf", "*mmproj-?F16*", "mmproj-F16*")]
    [InlineData("BF16", null, "mmproj*")]
    [InlineData("F16", "mmproj-F16.gguf", "F16/mmproj*")]
    public async Task Pull_FormOfOneModel_BringsOneProjector(string form, string? projector, params string[] exclude) =>
        Assert.Equal(projector, await PulledAsync(s_oneModel, form, exclude));

    [Theory]
    [InlineData("Q4_K_M", "mmproj-gemma-3n-E2B-it-F32.gguf")]
    [InlineData("Q8_0", "gemma-3n-E4B-it.mmproj-f16.gguf")]
    [InlineData("Q6_K", "gemma-3n-E4B-it.mmproj-f16.gguf")]
    [InlineData("Q6_K", null, "*mmproj-f16*")]
    public async Task Pull_OneOfSeveralModels_BringsItsOwn(string form, string? projector, params string[] exclude) =>
        Assert.Equal(projector, await PulledAsync(s_twoModels, form, exclude));

    [Fact]
    public async Task Pull_ProjectorOfTheFormsOwnName_ComesBeforeOthers()
    {
        string[] files = ["a-Q8_0.gguf", "mmproj-a-F16.gguf", "mmproj-a-Q8_0.gguf", "mmproj-a.gguf", "a-Q4_0.gguf"];
        Assert.Equal("mmproj-a-Q8_0.gguf", await PulledAsync(files, "Q8_0"));
        Assert.Equal("mmproj-a-F16.gguf", await PulledAsync(files, "Q4_0"));
    }

    [Fact]
    public async Task Pull_WithoutARequest_FindsAFormInAFolderOfItsOwn()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        string commit = Add(fixture, s_oneModel), snapshot = Path.Combine(fixture.Repository(Id), "snapshots", commit);
        await fixture.PullAsync($"{Id}:BF16");
        fixture.Server.Requests.Clear();
        fixture.Variables["HF_HUB_OFFLINE"] = "1";
        PullResult offline = await fixture.PullAsync($"{Id}:bf16");
        string first = Path.Combine(snapshot, "BF16", "gemma-3n-E2B-it-BF16-00001-of-00002.gguf");
        Assert.Equal((commit, snapshot, first), (offline.Commit, offline.Folder, offline.Path));
        Assert.Equal(first, new HubCache(fixture.Options).Find(HubReference.Parse($"{Id}:BF16")));
        Assert.Equal(HubFailure.Offline, (await fixture.RefusedAsync($"{Id}:Q8_0")).Failure);
        Assert.Empty(fixture.Server.Requests);
    }

    [Fact]
    public async Task List_Snapshot_HasItsProjectorOrLacksOne()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        Add(fixture, s_oneModel);
        var cache = new HubCache(fixture.Options);
        await fixture.PullAsync($"{Id}:Q4_K_M", new PullOptions { Exclude = ["*mmproj*"] });
        CachedSnapshot blind = Assert.Single(cache.List()[0].Snapshots);
        Assert.Equal(("Q4_K_M", true, 0, "mmproj-F16.gguf"), (blind.Form, blind.IsWhole, blind.Projectors.Count, Assert.Single(blind.Missing)));

        // Any will do, not only the one that a pull would choose.
        await fixture.PullAsync(Id, new PullOptions { Include = ["mmproj-F32.gguf"] });
        CachedSnapshot seeing = Assert.Single(cache.List()[0].Snapshots);
        Assert.Equal(("mmproj-F32.gguf", 0), (Assert.Single(seeing.Projectors), seeing.Missing.Count));
        await fixture.PullAsync($"{Id}:BF16");
        seeing = Assert.Single(cache.List()[0].Snapshots);
        Assert.Equal("BF16 Q4_K_M", seeing.Form);
        Assert.Equal(["mmproj-F16.gguf", "mmproj-F32.gguf"], seeing.Projectors);
        Assert.Empty(seeing.Missing);
    }

    [Fact]
    public async Task Remove_LastFormOfAModel_TakesItsProjectors()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        Add(fixture, s_oneModel);
        foreach (string form in (string[])["Q4_K_M", "BF16", "F16"])
        {
            await fixture.PullAsync($"{Id}:{form}");
        }

        Assert.Equal(["F16/gemma-3n-E2B-it-F16.gguf", "F16/mmproj-F32.gguf"], Removed(fixture, "F16"));
        Assert.Equal(["BF16/gemma-3n-E2B-it-BF16-00001-of-00002.gguf", "BF16/gemma-3n-E2B-it-BF16-00002-of-00002.gguf"], Removed(fixture, "BF16"));
        Assert.Equal(["gemma-3n-E2B-it-Q4_K_M.gguf", "mmproj-F16.gguf"], Removed(fixture, "Q4_K_M"));
        Assert.Equal(["README.md"], Present(fixture));
        Assert.Single(Directory.EnumerateFiles(Path.Combine(fixture.Repository(Id), "blobs")));
    }

    [Fact]
    public async Task Remove_OneOfSeveralModels_TakesItsOwnProjector()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        Add(fixture, s_twoModels);
        foreach (string form in (string[])["Q4_K_M", "Q8_0", "Q6_K"])
        {
            await fixture.PullAsync($"{Id}:{form}");
        }

        Assert.Equal(["gemma-3n-E4B-it-Q8_0.gguf"], Removed(fixture, "Q8_0"));
        Assert.Equal(["gemma-3n-E2B-it-Q4_K_M.gguf", "mmproj-gemma-3n-E2B-it-F32.gguf"], Removed(fixture, "Q4_K_M"));
        Assert.Equal(["E4B/gemma-3n-E4B-it-Q6_K.gguf", "gemma-3n-E4B-it.mmproj-f16.gguf"], Removed(fixture, "Q6_K"));
    }

    [Fact]
    public async Task Load_FormInAFolderOfItsOwn_SeesWithTheProjectorAboveInASnapshotAlone()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        string folder = Directory.CreateDirectory(Path.Combine(fixture.Variables["HF_HOME"], "written")).FullName, plain = Path.Combine(folder, "plain");
        CheckpointConverter.ConvertToGguf(Path.Combine(AppContext.BaseDirectory, "models", "gemma-3n-demo"), Path.Combine(folder, "demo-Q8_0.gguf"),
            new GgufConversionOptions { Type = "q8_0" }, cancellationToken: HubFixture.Stop);
        byte[] model = File.ReadAllBytes(Path.Combine(folder, "demo-Q8_0.gguf")), towers = File.ReadAllBytes(Path.Combine(folder, "mmproj-demo-Q8_0.gguf"));
        FakeFile[] files = [new("Q8_0/demo-Q8_0.gguf", model, IsLarge: true), new("mmproj-F16.gguf", towers, IsLarge: true)];
        string commit = fixture.Server.Add(Id, files).Main;
        HubOptions hub = fixture.Options with { Machine = fixture.Machine with { PartBytes = 1 << 20 } };
        using (GemmaModel seeing = await GemmaModel.LoadAsync($"{Id}:Q8_0", null, hub, null, HubFixture.Stop))
        {
            Assert.True(seeing.Summary.HasVision);
            Assert.True(seeing.Summary.HasAudio);
        }

        // What lies above a folder of somebody's own is of other models; and a link that leads nowhere is no projector.
        Directory.CreateDirectory(Path.Combine(plain, "Q8_0"));
        File.WriteAllBytes(Path.Combine(plain, "Q8_0", "demo-Q8_0.gguf"), model);
        File.WriteAllBytes(Path.Combine(plain, "mmproj-F16.gguf"), towers);
        using (var blind = GemmaModel.Load(Path.Combine(plain, "Q8_0", "demo-Q8_0.gguf")))
        {
            Assert.False(blind.Summary.HasVision);
        }

        string link = Path.Combine(fixture.Repository(Id), "snapshots", commit, "mmproj-F16.gguf");
        File.Delete(Path.Combine(fixture.Repository(Id), "blobs", files[1].ETag));
        Assert.NotNull(new FileInfo(link).LinkTarget);
        using (GemmaModel blind = await GemmaModel.LoadAsync($"{Id}:Q8_0", null, hub, null, HubFixture.Stop))
        {
            Assert.False(blind.Summary.HasVision);
        }
    }

    static string Add(HubFixture fixture, string[] paths) => fixture.Server.Add(Id, [.. paths.Select(path => new FakeFile(path, path))]).Main;

    /// <summary>The projector that a pull brings, which is one at most.</summary>
    static async Task<string?> PulledAsync(string[] paths, string form, params string[] exclude)
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        Add(fixture, paths);
        PullResult result = await fixture.PullAsync($"{Id}:{form}", new PullOptions { Exclude = exclude });
        string[] pulled = [.. result.Files.Select(file => file.Path).Where(path => path.Contains("mmproj", StringComparison.Ordinal))];
        Assert.All(result.Files, file => Assert.True(File.Exists(Path.Combine(result.Folder, file.Path))));
        Assert.True(pulled.Length <= 1, string.Join(' ', pulled));
        return pulled.SingleOrDefault();
    }

    /// <summary>What goes when a form is removed.</summary>
    static string[] Removed(HubFixture fixture, string form)
    {
        var cache = new HubCache(fixture.Options);
        string[] before = Present(fixture);
        cache.Remove(cache.PlanRemoval(HubReference.Parse($"{Id}:{form}")));
        return [.. before.Except(Present(fixture))];
    }

    static string[] Present(HubFixture fixture)
    {
        string snapshot = Assert.Single(new HubCache(fixture.Options).List()[0].Snapshots).Folder;
        return [.. Directory.EnumerateFiles(snapshot, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(snapshot, path).Replace('\\', '/'))
            .Order(StringComparer.Ordinal)];
    }
}
