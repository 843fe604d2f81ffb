using GemmaSharp.Load;

namespace GemmaSharp.Server.Tests.Load;

/// <summary>The short form of the load in <c>benchmarks/GemmaSharp.Load</c>, when no other test runs: the process's memory is looked at.</summary>
[Collection(AloneTests.Name)]
public sealed class LoadTests
{
    [Fact]
    public async Task Under_load_every_answer_is_right_and_nothing_is_left_behind()
    {
        var options = new LoadOptions { Clients = 24, Time = TimeSpan.FromSeconds(15), MaxActive = 8, MaxQueued = 8 };
        LoadResult report = await LoadRun.RunAsync(options, TestContext.Current.CancellationToken);
        Assert.True(report.FaultCount == 0, report.ToJson());
        Assert.True(report.Compared >= 50, report.ToJson());
        Assert.Equal(0, report.Left);

        // It must have been too much, and things must have gone wrong, or nothing was tested.
        Assert.True(report.Counts.GetValueOrDefault("shed") > 0, report.ToJson());
        Assert.True(report.Counts.GetValueOrDefault("hung up") > 0 && report.Counts.GetValueOrDefault("left within a stream") > 0, report.ToJson());
    }

    [Theory]
    [InlineData("http://example.com:80")]
    [InlineData("https://127.0.0.1:80")]
    [InlineData("http://192.168.1.7:80")]
    [InlineData("http://localhost.evil.example")]
    [InlineData("127.0.0.1:80")]
    public void Harness_is_pointed_at_this_machine_alone(string url) => Assert.Throws<ArgumentException>(() => LoadOptions.Parse(["--url", url]));
}

/// <summary>Tests beside which none may run.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneTests
{
    public const string Name = "Alone";
}
