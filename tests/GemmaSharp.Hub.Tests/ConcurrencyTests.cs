using System.Diagnostics;
using GemmaSharp.Hub.Tests.FakeHub;

namespace GemmaSharp.Hub.Tests;

/// <summary>Several at once, in one process and in several.</summary>
public sealed class ConcurrencyTests
{
    const string Id = "org/name";

    static FakeFile[] Files() =>
        [.. Enumerable.Range(0, 12).Select(i => FakeFile.Large($"model-{i}.safetensors", 2500 + (i * 100), i)), new FakeFile("config.json", "{}")];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Pull_ManyAtOnce_BringEveryByteOnce(bool links)
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        FakeFile[] files = Files();
        string commit = fixture.Server.Add(Id, files).Main;
        PullResult[] results = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => fixture.PullAsync(Id, options: fixture.Options with { Symlinks = links })));
        fixture.AssertSound(Id, commit, files);
        Assert.Equal(files.Sum(file => (long)file.Content.Length), results.Sum(result => result.DownloadedBytes));
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(fixture.Repository(Id), "blobs"), "*.gemma.*"));
    }

    [Fact]
    public async Task Pull_Connections_AreNoMoreThanAllowed()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        FakeFile[] files = Files();
        fixture.Server.Add(Id, files);
        int now = 0, most = 0;
        fixture.Server.Fault = async (request, context) =>
        {
            if (!request.IsStore)
            {
                return false;
            }

            // Before anything is answered, so that none is counted that its client has done with.
            InterlockedMax(ref most, Interlocked.Increment(ref now));
            await Task.Delay(2, HubFixture.Stop);
            Interlocked.Decrement(ref now);
            return false;
        };
        await fixture.PullAsync(Id, options: fixture.Options with { MaxConnections = 3, MaxConnectionsPerFile = 2 });
        Assert.InRange(most, 1, 3);
    }

    [Fact]
    public async Task Pull_WhilePythonHoldsTheLock_Waits()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() || !Python.IsThere, "Python is not on this machine.");
        await using HubFixture fixture = await HubFixture.StartAsync();
        var file = FakeFile.Large("model.safetensors", 3000);
        string commit = fixture.Server.Add(Id, file).Main;
        string path = Path.Combine(fixture.Cache, ".locks", "models--org--name", file.ETag + ".lock");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);

        // As filelock does it, of which the hub's own tools make use.
        using Process python = Python.Start("import fcntl,os,sys\nfd=os.open(sys.argv[1],os.O_RDWR|os.O_CREAT)\nfcntl.flock(fd,fcntl.LOCK_EX|fcntl.LOCK_NB)\n"
            + "print('held',flush=True)\nsys.stdin.readline()\n", path);
        Assert.Equal("held", await python.StandardOutput.ReadLineAsync(HubFixture.Stop));
        var notices = new Notices();
        Task<PullResult> pull = fixture.PullAsync(Id, progress: notices);
        while (!notices.All.Contains("another process is downloading model.safetensors"))
        {
            Assert.False(pull.IsCompleted);
            await Task.Delay(5, HubFixture.Stop);
        }

        Assert.Empty(fixture.Server.FileRequests);
        python.StandardInput.WriteLine();
        await pull;
        fixture.AssertSound(Id, commit, file);
    }

    [Fact]
    public async Task Pull_WhileItDownloads_PythonDoesNotGetTheLock()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() || !Python.IsThere, "Python is not on this machine.");
        await using HubFixture fixture = await HubFixture.StartAsync();
        var file = FakeFile.Large("model.safetensors", 900);
        fixture.Server.Add(Id, file);
        string path = Path.Combine(fixture.Cache, ".locks", "models--org--name", file.ETag + ".lock"), answer = "";
        const string Try = "import fcntl,os,sys\nfd=os.open(sys.argv[1],os.O_RDWR|os.O_CREAT)\n"
            + "try:\n  fcntl.flock(fd,fcntl.LOCK_EX|fcntl.LOCK_NB)\n  print('got')\nexcept OSError:\n  print('refused')\n";
        fixture.Server.Fault = async (request, _) =>
        {
            if (request.IsStore)
            {
                using Process python = Python.Start(Try, path);
                answer += await python.StandardOutput.ReadToEndAsync(HubFixture.Stop);
            }

            return false;
        };
        await fixture.PullAsync(Id);
        Assert.Equal("refused\n", answer);
        using Process after = Python.Start(Try, path);
        Assert.Equal("got\n", await after.StandardOutput.ReadToEndAsync(HubFixture.Stop));
    }

    static void InterlockedMax(ref int most, int value)
    {
        for (int seen = most; value > seen;)
        {
            int before = Interlocked.CompareExchange(ref most, value, seen);
            if (before == seen)
            {
                return;
            }

            seen = before;
        }
    }

    static class Python
    {
        public static bool IsThere { get; } = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, "python3")));

        public static Process Start(string program, string argument) => Process.Start(new ProcessStartInfo("python3", ["-c", program, argument])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
    }
}
