using System.ComponentModel;
using System.Diagnostics;
using GemmaSharp.Hub.Tests.FakeHub;

namespace GemmaSharp.Hub.Tests;

/// <summary>The cache that the hub's own client for Node.js makes is the one that we make, and each uses the other's.</summary>
public sealed class SharedCacheTests
{
    const string Id = "org/name";
    const int OldestNode = 20;

    static readonly FakeFile[] s_files =
    [
        new("config.json", """{"torch_dtype":"bfloat16"}"""), new("sub/dir/a.json", "[]"), FakeFile.Large("tokenizer.json", 5000, 2), FakeFile.Large("model.safetensors", 20_000, 3),
    ];

    [Fact]
    public async Task Pull_BesideTheHubsOwnClient_LeavesTheSameFilesAndLinks()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        string commit = fixture.Server.Add(Id, s_files).Main, theirs = Path.Combine(fixture.Variables["HF_HOME"], "theirs");
        await RunTheirsAsync(fixture, theirs);
        await fixture.PullAsync(Id);
        Assert.Equal(Describe(theirs), Describe(fixture.Cache).Where(line => !line.Contains("CACHEDIR.TAG", StringComparison.Ordinal)
            && !line.Contains(".locks", StringComparison.Ordinal) && !line.Contains("/trees/", StringComparison.Ordinal)));
        fixture.AssertSound(Id, commit, s_files);
    }

    [Fact]
    public async Task Pull_CacheOfTheHubsOwnClient_IsUsedWithoutAByteAndTheOtherWayRound()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        string commit = fixture.Server.Add(Id, s_files).Main;
        await RunTheirsAsync(fixture, fixture.Cache);
        fixture.Server.Requests.Clear();
        Assert.Equal(commit, Path.GetFileName(new HubCache(fixture.Options).Find(HubReference.Parse(Id))));
        Assert.Equal(0, (await fixture.PullAsync(Id)).DownloadedBytes);
        Assert.Empty(fixture.Server.FileRequests);

        using var cache = new TemporaryCache(fixture);
        await fixture.PullAsync(Id);
        fixture.Server.Requests.Clear();
        Assert.Equal(Path.Combine(fixture.Repository(Id), "snapshots", commit), await RunTheirsAsync(fixture, fixture.Cache));
        Assert.Empty(fixture.Server.FileRequests);
    }

    /// <summary>Every file by its path and bytes, every link by where it leads.</summary>
    static IEnumerable<string> Describe(string cache) => Directory.EnumerateFiles(cache, "*", SearchOption.AllDirectories)
        .Select(path => (Path: Path.GetRelativePath(cache, path).Replace('\\', '/'), Target: new FileInfo(path).LinkTarget, Full: path))
        .OrderBy(file => file.Path, StringComparer.Ordinal)
        .Select(file => $"{file.Path} {file.Target ?? new FakeFile("", File.ReadAllBytes(file.Full), true).Sha256}");

    static async Task<string> RunTheirsAsync(HubFixture fixture, string cache)
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "GemmaSharp.slnx")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        string clients = Path.Combine(folder ?? "", "tests", "GemmaSharp.Hub.Tests", "Clients");
        Assert.SkipUnless(File.Exists(Path.Combine(clients, "node_modules", "@huggingface", "hub", "package.json")),
            "The npm package @huggingface/hub is not in tests/GemmaSharp.Hub.Tests/Clients/node_modules; run tests/fetch-test-data.sh.");
        Assert.SkipUnless(await VersionAsync() >= OldestNode, $"Node.js {OldestNode} or newer is not installed.");
        string output = await OutputAsync(clients, "snapshot.mjs", fixture.Server.Endpoint.AbsoluteUri.TrimEnd('/'), Id, cache);
        return output.Trim();
    }

    static async Task<int> VersionAsync()
    {
        try
        {
            return int.TryParse((await OutputAsync(AppContext.BaseDirectory, "--version")).TrimStart('v').Split('.')[0], out int major) ? major : 0;
        }
        catch (Win32Exception)
        {
            return 0;
        }
    }

    static async Task<string> OutputAsync(string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo("node", arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string name in start.Environment.Keys.Where(name => name.StartsWith("HF_", StringComparison.Ordinal) || name.StartsWith("NODE_", StringComparison.Ordinal)
            || name.EndsWith("_PROXY", StringComparison.OrdinalIgnoreCase)).ToArray())
        {
            start.Environment.Remove(name);
        }

        using Process node = Process.Start(start)!;
        Task<string> output = node.StandardOutput.ReadToEndAsync(HubFixture.Stop), error = node.StandardError.ReadToEndAsync(HubFixture.Stop);
        await node.WaitForExitAsync(HubFixture.Stop);
        Assert.True(node.ExitCode == 0, await error);
        return await output;
    }
}
