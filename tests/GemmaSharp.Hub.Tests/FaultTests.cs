using System.Globalization;
using System.IO.Compression;
using System.Text;
using GemmaSharp.Hub.Tests.FakeHub;
using Microsoft.AspNetCore.Http;

namespace GemmaSharp.Hub.Tests;

/// <summary>Whatever happens on the way: what has its final name is right, and what has arrived is gone on from.</summary>
public sealed class FaultTests
{
    const string Id = "org/name";
    const string Weights = "model.safetensors";

    static readonly FakeFile s_config = new("config.json", """{"model_type":"gemma3n"}""");

    [Theory]
    [InlineData(1000)]
    [InlineData(16)]
    public async Task Pull_ConnectionThatBreaksOffAtAnyByte_GoesOn(int partBytes)
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        var file = FakeFile.Large(Weights, 150);
        string commit = fixture.Server.Add(Id, file).Main;
        for (int bytes = 0; bytes <= file.Content.Length; bytes++)
        {
            int faults = 0;
            fixture.Server.Fault = (request, context) => request.IsStore && Interlocked.Increment(ref faults) == 1
                ? BreakOffAsync(context, file, request.Range, bytes) : Task.FromResult(false);
            using var cache = new TemporaryCache(fixture);
            await fixture.PullAsync(Id, options: cache.Options with { Machine = fixture.Machine with { PartBytes = partBytes } });
            fixture.AssertSound(Id, commit, file);
            Assert.Empty(Directory.EnumerateFiles(Path.Combine(fixture.Repository(Id), "blobs"), "*.gemma.*"));
        }
    }

    [Theory]
    [InlineData(1000)]
    [InlineData(16)]
    public async Task Pull_InterruptedAtAnyByte_IsGoneOnFromByTheNext(int partBytes)
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        var file = FakeFile.Large(Weights, 70);
        string commit = fixture.Server.Add(Id, file).Main;
        for (int bytes = 0; bytes <= file.Content.Length; bytes++)
        {
            using var cache = new TemporaryCache(fixture);
            HubOptions options = cache.Options with { MaxConnectionsPerFile = 1, Machine = fixture.Machine with { PartBytes = partBytes } };
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(HubFixture.Stop);
            int left = bytes;
            fixture.Server.Fault = async (request, context) =>
            {
                if (!request.IsStore)
                {
                    return false;
                }

                (int from, int to) = Range(request.Range, file);
                int now = Math.Min(left, to - from);
                left -= now;
                if (left > 0)
                {
                    return false;
                }

                await SendSomeAsync(context, file, request.Range, now);
                await stop.CancelAsync();
                await Never(context);
                return true;
            };
            using (HubClient client = fixture.Client(options))
            {
                await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.PullAsync(HubReference.Parse(Id), cancellationToken: stop.Token));
            }

            Assert.False(File.Exists(Path.Combine(fixture.Repository(Id), "blobs", file.ETag)));
            Assert.False(Path.Exists(Path.Combine(fixture.Repository(Id), "snapshots", commit, Weights)));
            Assert.False(File.Exists(Path.Combine(fixture.Repository(Id), "refs", "main")));
            fixture.Server.Fault = null;
            using HubClient second = fixture.Client(options);
            PullPlan plan = await second.PlanAsync(HubReference.Parse(Id), cancellationToken: HubFixture.Stop);
            PullResult result = await second.PullAsync(plan, cancellationToken: HubFixture.Stop);
            Assert.Equal(plan.MissingBytes, result.DownloadedBytes);
            fixture.AssertSound(Id, commit, file);
        }
    }

    [Fact]
    public async Task Pull_FailuresThatPass_AreWaitedForLongerEachTime()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        string commit = fixture.Server.Add(Id, s_config, FakeFile.Large(Weights, 100)).Main;
        int count = 0;
        fixture.Server.Fault = (request, context) => Task.FromResult(request.IsStore && Refuse(context, ++count <= 5, 503));
        await fixture.PullAsync(Id);
        fixture.AssertSound(Id, commit, s_config);
        Assert.All(fixture.Waits.Zip((double[])[1, 2, 4, 8, 8]), wait => Assert.InRange(wait.First.TotalSeconds, wait.Second, wait.Second * 1.25));
        Assert.Equal(5, fixture.Waits.Count);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(503)]
    [InlineData(408)]
    public async Task Pull_FailuresThatStay_AreToldAfterSixAttempts(int status)
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        fixture.Server.Add(Id, FakeFile.Large(Weights, 100));
        fixture.Server.Fault = (request, context) => Task.FromResult(Refuse(context, request.IsStore, status));
        HubException error = await fixture.RefusedAsync(Id);
        Assert.Equal(HubFailure.Unreachable, error.Failure);
        Assert.Contains($"{Weights} could not be had from {fixture.Server.Endpoint.AbsoluteUri.TrimEnd('/')} in 6 tries, lastly HTTP {status}", error.Message, StringComparison.Ordinal);
        Assert.Equal(6, fixture.Server.Requests.Count(request => request.IsStore));
        fixture.AssertNothingCorrupt(Id);
    }

    [Theory]
    [InlineData("RateLimit", "\"api\";r=0;t=55", 56)]
    [InlineData("Retry-After", "7", 8)]
    [InlineData("Retry-After", "0", 1)]
    [InlineData("X-Nothing", "", 30)]
    public async Task Pull_TooManyRequests_WaitsAsLongAsTheHubSays(string header, string value, int seconds)
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        string commit = fixture.Server.Add(Id, s_config, FakeFile.Large(Weights, 10)).Main;
        int count = 0;
        fixture.Server.Fault = (request, context) =>
        {
            context.Response.Headers[header] = value;
            return Task.FromResult(Refuse(context, request.Path.Contains("/tree/", StringComparison.Ordinal) && ++count == 1, 429));
        };
        var notices = new Notices();
        await fixture.PullAsync(Id, progress: notices);
        Assert.Equal([TimeSpan.FromSeconds(seconds)], fixture.Waits);
        Assert.Contains(notices.Reports, report => (report.Notice, report.RetryIn) == ("too many requests (HTTP 429)", TimeSpan.FromSeconds(seconds)));
        fixture.AssertSound(Id, commit, s_config);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1)]
    [InlineData(1000)]
    public async Task Pull_FileOfAnotherLength_IsNotTaken(int more)
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        var file = FakeFile.Large(Weights, 100);
        string commit = fixture.Server.Add(Id, file).Main;
        FakeFile other = FakeFile.Large(Weights, 100 + more, 9);
        int count = 0;
        fixture.Server.Fault = async (request, context) =>
        {
            if (!request.IsStore || ++count > 1)
            {
                return false;
            }

            await fixture.Server.SendAsync(context, other, request.Range);
            return true;
        };
        await fixture.PullAsync(Id);
        fixture.AssertSound(Id, commit, file);
        count = int.MinValue;
        using var cache = new TemporaryCache(fixture);
        HubException error = await fixture.RefusedAsync(Id, options: cache.Options);
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"a file of {100 + more} bytes instead of 100"), error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(fixture.Repository(Id), "blobs", file.ETag)));
    }

    [Theory]
    [InlineData(1000)]
    [InlineData(16)]
    public async Task Pull_WrongBytes_AreFetchedOnceMoreAndThenRefused(int partBytes)
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        var file = FakeFile.Large(Weights, 100);
        FakeFile wrong = FakeFile.Large(Weights, 100, 9);
        string commit = fixture.Server.Add(Id, s_config, file).Main;
        int count = 0;
        fixture.Server.Fault = async (request, context) =>
        {
            if (!request.IsStore || Interlocked.Increment(ref count) > 1)
            {
                return false;
            }

            await fixture.Server.SendAsync(context, wrong, request.Range);
            return true;
        };
        HubMachine machine = fixture.Machine with { PartBytes = partBytes };
        await fixture.PullAsync(Id, options: fixture.Options with { Machine = machine });
        fixture.AssertSound(Id, commit, s_config, file);

        count = int.MinValue;
        using var cache = new TemporaryCache(fixture);
        HubException error = await fixture.RefusedAsync(Id, options: cache.Options with { Machine = machine });
        Assert.Equal(HubFailure.Corrupt, error.Failure);
        Assert.Contains($"its SHA-256 is {wrong.Sha256} and {file.Sha256} is needed, twice", error.Message, StringComparison.Ordinal);
        string blobs = Path.Combine(fixture.Repository(Id), "blobs");
        Assert.False(File.Exists(Path.Combine(blobs, file.ETag)));
        Assert.False(File.Exists(Path.Combine(blobs, file.ETag + ".gemma.json")));
        Assert.False(File.Exists(Path.Combine(fixture.Repository(Id), "refs", "main")));
    }

    [Fact]
    public async Task Pull_WrongBytesOfASmallFile_AreFoundByGitsChecksum()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        fixture.Server.Add(Id, s_config, FakeFile.Large(Weights, 10));
        var wrong = new FakeFile("config.json", """{"model_type":"gemma3m"}""");
        fixture.Server.Fault = async (request, context) =>
        {
            if (!request.Path.EndsWith("/config.json", StringComparison.Ordinal))
            {
                return false;
            }

            await fixture.Server.SendAsync(context, wrong, "");
            return true;
        };
        HubException error = await fixture.RefusedAsync(Id);
        Assert.Contains($"config.json of {Id} arrives damaged: its SHA-1 is {wrong.Oid} and {s_config.Oid} is needed", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pull_ServerWithoutRanges_GivesTheWhole()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        fixture.Server.Ranges = false;
        var file = FakeFile.Large(Weights, 9000);
        string commit = fixture.Server.Add(Id, file).Main;
        int count = 0;
        fixture.Server.Fault = (request, context) => request.IsStore && request.Range.Length == 0 && Interlocked.Increment(ref count) == 1
            ? BreakOffAsync(context, file, "", 4000) : Task.FromResult(false);
        await fixture.PullAsync(Id);
        fixture.AssertSound(Id, commit, file);
    }

    [Fact]
    public async Task Pull_ServerWithoutRangesThatAlwaysBreaksOff_IsGivenUp()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        fixture.Server.Ranges = false;
        var file = FakeFile.Large(Weights, 500);
        fixture.Server.Add(Id, file);
        fixture.Server.Fault = (request, context) => request.IsStore ? BreakOffAsync(context, file, "", 300) : Task.FromResult(false);
        Assert.Equal(HubFailure.Unreachable, (await fixture.RefusedAsync(Id)).Failure);
        Assert.False(File.Exists(Path.Combine(fixture.Repository(Id), "blobs", file.ETag)));
    }

    [Fact]
    public async Task Pull_RangeBeyondTheEnd_BeginsAgainOnce()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        var file = FakeFile.Large(Weights, 9000);
        string commit = fixture.Server.Add(Id, file).Main;
        int count = 0;
        fixture.Server.Fault = (request, context) => Task.FromResult(Refuse(context, request.IsStore && Interlocked.Increment(ref count) == 3, 416));
        await fixture.PullAsync(Id);
        fixture.AssertSound(Id, commit, file);
        fixture.Server.Fault = (request, context) => Task.FromResult(Refuse(context, request.IsStore, 416));
        using var cache = new TemporaryCache(fixture);
        Assert.Equal(HubFailure.Corrupt, (await fixture.RefusedAsync(Id, options: cache.Options)).Failure);
    }

    [Theory]
    [InlineData("bytes 0-99/200")]
    [InlineData("bytes 1000-1999/9001")]
    [InlineData("bytes 1001-2000/9000")]
    [InlineData("")]
    public async Task Pull_AnotherPartThanTheOneAskedFor_IsNotTaken(string contentRange)
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        var file = FakeFile.Large(Weights, 9000);
        string commit = fixture.Server.Add(Id, file).Main;
        int count = 0;
        fixture.Server.Fault = async (request, context) =>
        {
            if (!request.IsStore || request.Range != "bytes=1000-1999" || ++count > 2)
            {
                return false;
            }

            context.Response.StatusCode = 206;
            context.Response.Headers.ContentRange = contentRange;
            await context.Response.Body.WriteAsync(new byte[1000]);
            return true;
        };
        await fixture.PullAsync(Id);
        Assert.Equal(3, count);
        fixture.AssertSound(Id, commit, file);
    }

    [Fact]
    public async Task Pull_ConnectionThatIsSilent_IsOpenedAnew()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        var file = FakeFile.Large(Weights, 3000);
        string commit = fixture.Server.Add(Id, file).Main;
        int count = 0;
        fixture.Server.Fault = async (request, context) =>
        {
            if (!request.IsStore || Interlocked.Increment(ref count) != 1)
            {
                return false;
            }

            await SendSomeAsync(context, file, request.Range, 500);
            await Never(context);
            return true;
        };
        await fixture.PullAsync(Id, options: fixture.Options with { StallTimeout = TimeSpan.FromMilliseconds(300) });
        fixture.AssertSound(Id, commit, file);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Pull_SignedAddressWhoseTimeIsOver_IsAskedForAgain(int uses)
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        fixture.Server.UsesOfSignature = uses;
        var file = FakeFile.Large(Weights, 20_000);
        string commit = fixture.Server.Add(Id, file).Main;
        await fixture.PullAsync(Id);
        fixture.AssertSound(Id, commit, file);
        Assert.DoesNotContain(fixture.Waits, wait => wait > TimeSpan.Zero);
    }

    [Fact]
    public async Task Pull_RevisionThatChangesMidway_StaysWithTheCommitItBeganWith()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        FakeFile old = FakeFile.Large(Weights, 5000, 1), newer = FakeFile.Large(Weights, 6000, 2), both = FakeFile.Large("tokenizer.json", 3000, 3);
        FakeRepository repository = fixture.Server.Add(Id, s_config, old, both);
        string first = repository.Main, second = "";
        fixture.Server.Fault = (request, context) =>
        {
            if (request.IsStore && second.Length == 0)
            {
                second = repository.Commit([s_config, newer, both]);
            }

            return Task.FromResult(false);
        };
        PullResult result = await fixture.PullAsync(Id);
        Assert.Equal(first, result.Commit);
        Assert.Equal(first, File.ReadAllText(Path.Combine(fixture.Repository(Id), "refs", "main")));
        fixture.AssertSound(Id, first, s_config, old, both);

        PullResult next = await fixture.PullAsync(Id);
        Assert.Equal((second, 6000L), (next.Commit, next.DownloadedBytes));
        fixture.AssertSound(Id, second, s_config, newer, both);
        fixture.AssertSound(Id, first, s_config, old, both);
        Assert.Equal(second, File.ReadAllText(Path.Combine(fixture.Repository(Id), "refs", "main")));
    }

    [Theory]
    [InlineData(100)]
    [InlineData(9000)]
    public async Task Pull_ServerThatCompressesAgainstOurWord_IsUnderstood(int bytes)
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        var file = FakeFile.Large(Weights, bytes);
        string commit = fixture.Server.Add(Id, s_config, file).Main;
        fixture.Server.Fault = async (request, context) =>
        {
            bool listing = request.Path.Contains("/tree/", StringComparison.Ordinal);
            if (!listing && !request.IsStore)
            {
                return false;
            }

            byte[] content = listing ? Encoding.UTF8.GetBytes(Listing(s_config, file)) : file.Content;
            context.Response.Headers.ContentEncoding = "gzip";
            await using var zip = new GZipStream(context.Response.Body, CompressionLevel.Fastest);
            await zip.WriteAsync(content);
            return true;
        };
        await fixture.PullAsync(Id);
        fixture.AssertSound(Id, commit, s_config, file);
    }

    [Fact]
    public async Task Pull_FullDisk_IsSaidAndGoneOnFrom()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        var file = FakeFile.Large(Weights, 9000);
        string commit = fixture.Server.Add(Id, file).Main;
        long room = 4500;
        HubMachine small = fixture.Machine with
        {
            Write = async (handle, bytes, offset, stop) =>
            {
                if (Interlocked.Add(ref room, -bytes.Length) < 0)
                {
                    throw new IOException("No space left on device", OperatingSystem.IsWindows() ? unchecked((int)0x80070070) : 28);
                }

                await RandomAccess.WriteAsync(handle, bytes, offset, stop);
            },
        };
        HubException error = await fixture.RefusedAsync(Id, options: fixture.Options with { Machine = small });
        Assert.Equal(HubFailure.DiskFull, error.Failure);
        Assert.Contains($"The disk of the cache {fixture.Cache} is full", error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(fixture.Repository(Id), "blobs", file.ETag)));
        PullResult result = await fixture.PullAsync(Id);
        Assert.InRange(result.DownloadedBytes, 4500, 8999);
        fixture.AssertSound(Id, commit, file);
    }

    [Fact]
    public async Task Pull_TooLittleRoom_IsSaidBeforeAFileIsAskedFor()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        fixture.Server.Add(Id, FakeFile.Large(Weights, 9000));
        HubException error = await fixture.RefusedAsync(Id, options: fixture.Options with { Machine = fixture.Machine with { FreeBytes = _ => 1L << 30 } });
        Assert.Equal(HubFailure.DiskFull, error.Failure);
        Assert.Contains("needs 0.00 GiB and 1.0 GiB to spare, and the disk of", error.Message, StringComparison.Ordinal);
        Assert.Empty(fixture.Server.FileRequests);
    }

    [Fact]
    public async Task Pull_JournalOrPartThatIsTorn_BeginsAgain()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        var file = FakeFile.Large(Weights, 9000);
        string commit = fixture.Server.Add(Id, file).Main;
        string blob = Path.Combine(fixture.Repository(Id), "blobs", file.ETag);
        foreach ((string journal, int length) in ((string, int)[])[
            ("", 9000), ("{", 9000), ("[]", 9000), ("{}", 9000), ("""{"etag":1,"size":2,"parts":3}""", 9000), ($$"""{"etag":"{{file.ETag}}","size":9000,"parts":[]}""", 9000),
            ($$"""{"etag":"{{file.ETag}}","size":9000,"parts":[[0,9001,5]]}""", 9000), ($$"""{"etag":"{{file.ETag}}","size":9000,"parts":[[0,9000,9001]]}""", 9000),
            ($$"""{"etag":"{{file.ETag}}","size":9000,"parts":[[0]]}""", 9000), ($$"""{"etag":"{{file.ETag}}","size":9000,"parts":[[0,9000,9000]]}""", 8999),
            ($$"""{"etag":"{{file.ETag}}","size":9000,"parts":[[0,9000,9000]]}""", 9000)])
        {
            using var cache = new TemporaryCache(fixture);
            Directory.CreateDirectory(Path.GetDirectoryName(blob)!);
            File.WriteAllText(blob + ".gemma.json", journal);
            File.WriteAllBytes(blob + ".gemma.incomplete", new byte[length]);
            await fixture.PullAsync(Id, options: cache.Options);
            fixture.AssertSound(Id, commit, file);
        }
    }

    static bool Refuse(HttpContext context, bool refuse, int status)
    {
        context.Response.StatusCode = refuse ? status : 200;
        return refuse;
    }

    static async Task<bool> BreakOffAsync(HttpContext context, FakeFile file, string range, int bytes)
    {
        await SendSomeAsync(context, file, range, bytes);
        context.Abort();
        return true;
    }

    static async Task SendSomeAsync(HttpContext context, FakeFile file, string range, int bytes)
    {
        (int from, int to) = Range(range, file);
        if (range.Length > 0)
        {
            context.Response.StatusCode = 206;
            context.Response.Headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes {from}-{to - 1}/{file.Content.Length}");
        }

        context.Response.ContentLength = to - from;
        await context.Response.Body.WriteAsync(file.Content.AsMemory(from, Math.Min(bytes, to - from)));
        await context.Response.Body.FlushAsync();
    }

    static (int From, int To) Range(string range, FakeFile file)
    {
        string[] ends = range.Length == 0 ? ["0", ""] : range["bytes=".Length..].Split('-');
        return (int.Parse(ends[0], CultureInfo.InvariantCulture), ends[1].Length == 0 ? file.Content.Length : int.Parse(ends[1], CultureInfo.InvariantCulture) + 1);
    }

    static async Task Never(HttpContext context)
    {
        try
        {
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        }
        catch (OperationCanceledException)
        {
            // The client has gone.
        }
    }

    static string Listing(params IEnumerable<FakeFile> files) => System.Text.Json.JsonSerializer.Serialize(files.Select(file => (object)(file.IsLarge
        ? new { type = "file", oid = file.Oid, size = file.Content.Length, path = file.Path, lfs = new { oid = file.Sha256, size = file.Content.Length } }
        : new { type = "file", oid = file.Oid, size = file.Content.Length, path = file.Path })));
}
