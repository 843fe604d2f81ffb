using GemmaSharp.Hub.Tests.FakeHub;

namespace GemmaSharp.Hub.Tests;

/// <summary>A hub, a cache in a folder of its own, and clients that wait for nothing.</summary>
sealed class HubFixture : IAsyncDisposable
{
    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gemma-hub-");
    readonly List<TimeSpan> _waits = [];

    HubFixture(FakeHubServer server) => Server = server;

    public FakeHubServer Server { get; }

    public string Cache => Path.Combine(_folder.FullName, "hub");

    public Dictionary<string, string> Variables { get; } = new(StringComparer.Ordinal);

    /// <summary>How long clients would have waited.</summary>
    public IReadOnlyList<TimeSpan> Waits
    {
        get
        {
            lock (_waits)
            {
                return [.. _waits];
            }
        }
    }

    public static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static async Task<HubFixture> StartAsync()
    {
        var fixture = new HubFixture(await FakeHubServer.StartAsync());
        fixture.Variables["HF_ENDPOINT"] = fixture.Server.Endpoint.AbsoluteUri;
        fixture.Variables["HF_HUB_CACHE"] = fixture.Cache;
        fixture.Variables["HF_HOME"] = fixture._folder.FullName;
        return fixture;
    }

    /// <summary>A machine with small parts, much room and no patience.</summary>
    public HubMachine Machine => new()
    {
        Variable = Variables.GetValueOrDefault,
        Wait = (time, stop) =>
        {
            lock (_waits)
            {
                _waits.Add(time);
            }

            stop.ThrowIfCancellationRequested();
            return Task.CompletedTask;
        },
        FreeBytes = _ => long.MaxValue / 2,
        PartBytes = 1000,
        JournalInterval = TimeSpan.Zero,
        LockInterval = TimeSpan.FromMilliseconds(5),
    };

    // Not the machine's own proxy, which would not find this hub.
    public HubOptions Options => new() { Machine = Machine, Proxy = new System.Net.WebProxy() };

    public HubClient Client(HubOptions? options = null) => new(options ?? Options);

    public async Task<PullResult> PullAsync(string reference, PullOptions? how = null, HubOptions? options = null, IProgress<PullProgress>? progress = null)
    {
        using HubClient client = Client(options);
        return await client.PullAsync(HubReference.Parse(reference), how, progress, Stop);
    }

    public async Task<HubException> RefusedAsync(string reference, PullOptions? how = null, HubOptions? options = null) =>
        await Assert.ThrowsAsync<HubException>(() => PullAsync(reference, how, options));

    public string Repository(string id) => Path.Combine(Cache, "models--" + id.Replace("/", "--", StringComparison.Ordinal));

    /// <summary>Asserts that a snapshot has these files with their contents, and that nothing of the cache is under a name that it has not earned.</summary>
    public void AssertSound(string id, string commit, params IEnumerable<FakeFile> files)
    {
        foreach (FakeFile file in files)
        {
            Assert.Equal(file.Content, File.ReadAllBytes(Path.Combine(Repository(id), "snapshots", commit, file.Path)));
        }

        AssertNothingCorrupt(id);
    }

    /// <summary>Asserts that every content of a repository is what its name says.</summary>
    public void AssertNothingCorrupt(string id)
    {
        string blobs = Path.Combine(Repository(id), "blobs");
        foreach (string blob in Directory.Exists(blobs) ? Directory.EnumerateFiles(blobs) : [])
        {
            string name = Path.GetFileName(blob);
            if (name.Contains(".gemma.", StringComparison.Ordinal))
            {
                continue;
            }

            byte[] content = File.ReadAllBytes(blob);
            Assert.Equal(name, new FakeFile(name, content, IsLarge: name.Length == 64).ETag);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        _folder.Delete(recursive: true);
    }
}
