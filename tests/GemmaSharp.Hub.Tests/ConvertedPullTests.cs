using GemmaSharp.Hub.Tests.FakeHub;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Hub.Tests;

/// <summary>Checkpoints that are converted while they arrive: the same as converted afterwards, whatever happens on the way.</summary>
public sealed class ConvertedPullTests : IDisposable
{
    const string Id = "org/demo";

    static readonly ConversionOptions s_fourBits = new() { Quantize = new QuantizationRecipe { Format = QuantizationFormat.Create(QuantizationMode.Affine, 4, 32) } };

    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gemma-converted-");

    string Target => Path.Combine(_folder.FullName, "demo-4bit");

    string Staging => Target + ".pulling";

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Result_IsWhatConvertingAfterwardsWrites_AndNothingElseIsKept()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        FakeFile[] files = Serve(fixture);
        var progress = new Notices();
        ConversionResult result = await PullAsync(fixture, progress);
        AssertConverted(files);
        Assert.Equal(Target, result.Folder);
        Assert.True(result.QuantizedModules > 50);
        Assert.Equal(files.Count(file => IsWeights(file)), result.Files.Count);
        Assert.Equal(["demo-4bit"], _folder.EnumerateFileSystemInfos().Select(each => each.Name));
        Assert.False(Directory.Exists(fixture.Repository(Id)));
        Assert.Contains(progress.Reports, report => report.Phase == PullPhase.Converting);
        Assert.Equal(PullPhase.Done, progress.Reports[^1].Phase);
    }

    [Fact]
    public async Task Disk_HoldsOneSourceFileAtMost()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        FakeFile[] weights = [.. Serve(fixture).Where(IsWeights)];
        int most = 0;
        fixture.Server.Fault = (request, _) =>
        {
            // What the marks say is whole; hollow files have the same length.
            most = Math.Max(most, Directory.Exists(Path.Combine(Staging, "whole"))
                ? Directory.EnumerateFiles(Path.Combine(Staging, "whole")).Count(mark => !mark.EndsWith(".done", StringComparison.Ordinal)) : 0);
            return Task.FromResult(false);
        };
        await PullAsync(fixture);
        Assert.True(weights.Length >= 4);
        Assert.InRange(most, 0, 1);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(9)]
    [InlineData(14)]
    [InlineData(20)]
    [InlineData(25)]
    public async Task Interrupted_GoesOn_WithoutFetchingWhatIsConverted(int requests)
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        FakeFile[] files = Serve(fixture);
        using CancellationTokenSource stop = StopAfter(fixture, requests);
        using (HubClient client = fixture.Client(Options(fixture)))
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.PullConvertedAsync(HubReference.Parse(Id), Target, s_fourBits, null, stop.Token));
        }

        Assert.False(Directory.Exists(Target));
        string[] done = [.. Directory.EnumerateFiles(Path.Combine(Staging, "whole"), "*.done").Select(path => Path.GetFileName(path)[..^".done".Length])];
        fixture.Server.Fault = null;
        fixture.Server.Requests.Clear();
        await PullAsync(fixture);
        AssertConverted(files);
        Assert.DoesNotContain(fixture.Server.FileRequests, request => done.Any(name => request.Path.EndsWith(name, StringComparison.Ordinal)));
    }

    [Fact]
    public async Task DamagedFile_IsRefused_AndNothingGetsTheName()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        FakeFile[] files = Serve(fixture);
        FakeFile last = files.Last(IsWeights);
        fixture.Server.Fault = async (request, context) =>
        {
            if (!request.IsStore || !request.Path.Contains(last.Sha256, StringComparison.Ordinal))
            {
                return false;
            }

            byte[] wrong = [.. last.Content];
            wrong[^1] ^= 1;
            await fixture.Server.SendAsync(context, last with { Content = wrong }, request.Range ?? "");
            return true;
        };
        HubException error = await Assert.ThrowsAsync<HubException>(() => PullAsync(fixture));
        Assert.Equal(HubFailure.Corrupt, error.Failure);
        Assert.False(Directory.Exists(Target));
        fixture.Server.Fault = null;
        await PullAsync(fixture);
        AssertConverted(files);
    }

    [Fact]
    public async Task WhatAKillLeavesBehind_IsMended()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        FakeFile[] files = Serve(fixture);
        using CancellationTokenSource stop = StopAfter(fixture, 22);
        using (HubClient client = fixture.Client(Options(fixture)))
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.PullConvertedAsync(HubReference.Parse(Id), Target, s_fourBits, null, stop.Token));
        }

        // Half a tokenizer, half a part, and a part whose source was not given back.
        string tokenizer = Path.Combine(Staging, "source", "tokenizer.json"), done = Directory.EnumerateFiles(Path.Combine(Staging, "whole"), "*.done").First();
        File.WriteAllBytes(tokenizer, File.ReadAllBytes(tokenizer)[..1000]);
        Directory.CreateDirectory(Path.Combine(Staging, "result", "part.partial"));
        File.WriteAllText(Path.Combine(Staging, "result", "part.partial", "model.safetensors"), "half");
        FakeFile source = files.Single(file => file.Path == Path.GetFileName(done)[..^".done".Length]);
        File.Delete(done);
        File.WriteAllBytes(Path.Combine(Staging, "source", source.Path), source.Content);
        File.WriteAllBytes(Path.Combine(Staging, "whole", source.ETag), []);
        int whole = -1;
        fixture.Server.Fault = (_, _) =>
        {
            whole = Directory.EnumerateFiles(Path.Combine(Staging, "whole")).Count(mark => !mark.EndsWith(".done", StringComparison.Ordinal));
            return Task.FromResult(false);
        };
        await PullAsync(fixture);
        AssertConverted(files);
        Assert.Equal(0, whole);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task KillWhileAFileIsTakenIn_FetchesItNoMore(bool isMoved)
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        FakeFile[] files = Serve(fixture);
        using CancellationTokenSource stop = StopAfter(fixture, 22);
        using (HubClient client = fixture.Client(Options(fixture)))
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.PullConvertedAsync(HubReference.Parse(Id), Target, s_fourBits, null, stop.Token));
        }

        // A file has arrived whole, and its mark says from where it is moved; the hollow one is as long.
        FakeFile next = files.Last(IsWeights);
        string blob = Path.Combine("store", "models--org--demo", "blobs", next.ETag), place = Path.Combine(Staging, "source", next.Path);
        Assert.False(File.Exists(Path.Combine(Staging, blob)));
        Assert.Equal(next.Content.Length, new FileInfo(place).Length);
        File.WriteAllBytes(isMoved ? place : Path.Combine(Staging, blob), next.Content);
        File.WriteAllText(Path.Combine(Staging, "whole", next.ETag), blob);
        fixture.Server.Fault = null;
        fixture.Server.Requests.Clear();
        await PullAsync(fixture);
        AssertConverted(files);
        Assert.NotEmpty(fixture.Server.FileRequests);
        Assert.DoesNotContain(fixture.Server.FileRequests, request => request.Path.EndsWith(next.Path, StringComparison.Ordinal));
    }

    [Fact]
    public async Task SecondProcess_ThatWaited_FindsTheResultAndBeginsNothing()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        FakeFile[] files = Serve(fixture);
        Task? second = null;
        var waits = new Notices();
        int begun = 0;
        fixture.Server.Fault = async (request, _) =>
        {
            if (request.IsStore && Interlocked.Exchange(ref begun, 1) == 0)
            {
                second = PullAsync(fixture, waits);
                while (!waits.Reports.Any(report => report.Phase == PullPhase.Waiting))
                {
                    await Task.Delay(5, HubFixture.Stop);
                }
            }

            return false;
        };
        await PullAsync(fixture);
        ConversionException refusal = await Assert.ThrowsAsync<ConversionException>(() => second!);
        Assert.EndsWith("is there already and not empty; give the name of a new folder.", refusal.Message, StringComparison.Ordinal);
        AssertConverted(files);
        Assert.Equal(["demo-4bit"], _folder.EnumerateFileSystemInfos().Select(each => each.Name));
    }

    [Fact]
    public async Task CachedFiles_AreReadThere()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        FakeFile[] files = Serve(fixture);
        string commit = (await fixture.PullAsync(Id, options: Options(fixture))).Commit;
        fixture.Server.Requests.Clear();
        await PullAsync(fixture);
        AssertConverted(files);
        Assert.Empty(fixture.Server.FileRequests);
        fixture.AssertSound(Id, commit, files);
    }

    [Fact]
    public async Task OtherOptions_BeginAnew()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        FakeFile[] files = Serve(fixture);
        using CancellationTokenSource stop = StopAfter(fixture, 22);
        using (HubClient client = fixture.Client(Options(fixture)))
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(
                () => client.PullConvertedAsync(HubReference.Parse(Id), Target, new ConversionOptions { Type = ElementType.F32 }, null, stop.Token));
        }

        fixture.Server.Fault = null;
        await PullAsync(fixture);
        AssertConverted(files);
    }

    [Fact]
    public async Task ServerWithoutRanges_IsNoObstacle()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        FakeFile[] files = Serve(fixture);
        fixture.Server.Ranges = false;
        await PullAsync(fixture);
        AssertConverted(files);
    }

    [Fact]
    public async Task WhatCannotBe_IsRefusedInASentence()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        Serve(fixture);
        using (HubClient narrow = fixture.Client(Options(fixture) with { Machine = fixture.Machine with { FreeBytes = _ => 1 << 20, PartBytes = 1 << 20 } }))
        {
            HubException full = await Assert.ThrowsAsync<HubException>(
                () => narrow.PullConvertedAsync(HubReference.Parse(Id), Target, s_fourBits, cancellationToken: HubFixture.Stop));
            Assert.Equal(HubFailure.DiskFull, full.Failure);
            Assert.StartsWith("Converting org/demo on the way needs 0.0", full.Message, StringComparison.Ordinal);
        }

        using HubClient client = fixture.Client(Options(fixture));
        Assert.StartsWith("org/demo:Q4_0 names a form of GGUF", (await Assert.ThrowsAsync<ConversionException>(
            () => client.PullConvertedAsync(HubReference.Parse(Id + ":Q4_0"), Target, s_fourBits, cancellationToken: HubFixture.Stop))).Message, StringComparison.Ordinal);
        Assert.StartsWith("Adapters cannot be merged", (await Assert.ThrowsAsync<ConversionException>(() => client.PullConvertedAsync(
            HubReference.Parse(Id), Target, s_fourBits with { MergeAdapters = [new("x")] }, cancellationToken: HubFixture.Stop))).Message, StringComparison.Ordinal);
        Directory.CreateDirectory(Target);
        File.WriteAllText(Path.Combine(Target, "mine.txt"), "mine");
        Assert.EndsWith("is there already and not empty; give the name of a new folder.", (await Assert.ThrowsAsync<ConversionException>(
            () => client.PullConvertedAsync(HubReference.Parse(Id), Target, s_fourBits, cancellationToken: HubFixture.Stop))).Message, StringComparison.Ordinal);
    }

    /// <summary>What is cancelled when some requests for contents have come.</summary>
    static CancellationTokenSource StopAfter(HubFixture fixture, int requests)
    {
        var stop = CancellationTokenSource.CreateLinkedTokenSource(HubFixture.Stop);
        int left = requests;
        fixture.Server.Fault = async (request, _) =>
        {
            if (request.IsStore && Interlocked.Decrement(ref left) == 0)
            {
                await stop.CancelAsync();
            }

            return false;
        };
        return stop;
    }

    static HubOptions Options(HubFixture fixture) => fixture.Options with { Machine = fixture.Machine with { PartBytes = 1 << 20 } };

    static bool IsWeights(FakeFile file) => file.Path.EndsWith(".safetensors", StringComparison.Ordinal);

    async Task<ConversionResult> PullAsync(HubFixture fixture, IProgress<PullProgress>? progress = null)
    {
        using HubClient client = fixture.Client(Options(fixture));
        return await client.PullConvertedAsync(HubReference.Parse(Id), Target, s_fourBits, progress, HubFixture.Stop);
    }

    /// <summary>The demo checkpoint in several files.</summary>
    FakeFile[] Serve(HubFixture fixture)
    {
        string source = Path.Combine(_folder.FullName, "source");
        CheckpointConverter.Convert(
            Path.Combine(AppContext.BaseDirectory, "models", "gemma-3n-demo"), source, new ConversionOptions { ShardBytes = 6_000_000 },
            cancellationToken: HubFixture.Stop);
        FakeFile[] files = [.. Directory.EnumerateFiles(source).Order(StringComparer.Ordinal).Select(path => new FakeFile(
            Path.GetFileName(path), File.ReadAllBytes(path), path.EndsWith(".safetensors", StringComparison.Ordinal)))];
        Directory.Delete(source, recursive: true);
        fixture.Server.Add(Id, files);
        return files;
    }

    /// <summary>The result has the tensors, bit for bit, and the settings of a conversion afterwards.</summary>
    void AssertConverted(FakeFile[] files)
    {
        string source = Path.Combine(_folder.FullName, "again"), expected = Path.Combine(_folder.FullName, "expected");
        Directory.CreateDirectory(source);
        foreach (FakeFile file in files)
        {
            File.WriteAllBytes(Path.Combine(source, file.Path), file.Content);
        }

        CheckpointConverter.Convert(source, expected, s_fourBits, cancellationToken: HubFixture.Stop);
        CheckpointComparison comparison = CheckpointComparison.Compare(expected, Target, null, null, HubFixture.Stop);
        Assert.True(comparison.Agrees);
        Assert.Equal(File.ReadAllText(Path.Combine(expected, "config.json")), File.ReadAllText(Path.Combine(Target, "config.json")));
        string[] Beside(string folder) => [.. Directory.EnumerateFiles(folder).Select(path => Path.GetFileName(path)!)
            .Where(name => !name.Contains("safetensors", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
        Assert.Equal(Beside(expected), Beside(Target));
        Assert.False(Directory.Exists(Staging));
        using (GemmaModel model = GemmaModel.Load(Target))
        {
            Assert.Empty(model.Warnings);
        }

        Directory.Delete(source, recursive: true);
        Directory.Delete(expected, recursive: true);
    }
}
