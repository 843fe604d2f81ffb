using System.Diagnostics;

namespace GemmaSharp.Server.Tests.Clients;

/// <summary>Clients that try again by themselves.</summary>
public abstract class RetryingClientTests(ClientServers servers) : ClientTests(servers)
{
    /// <summary>Whether it waits as long as it is told, and not as long as it likes.</summary>
    protected virtual bool WaitsAsTold => true;

    [Fact]
    public async Task Overload_is_waited_for()
    {
        await using Overloaded overloaded = await Overloaded.StartAsync();
        var clock = new Stopwatch();
        ClientOutcome outcome = await Client.AskAsync(
            new ClientCall("chat", overloaded.Address, "What is the capital of Peru?") { Retries = 4 },
            status =>
            {
                if (status == OverloadStatus && !clock.IsRunning)
                {
                    clock.Start();
                    overloaded.Release();
                }
            });
        Assert.Equal("The capital of Peru is Lima.", outcome.Answered().Text);
        Assert.Equal(OverloadStatus, outcome.Statuses[0]);
        Assert.Equal(200, outcome.Statuses[^1]);

        // The server says one second, which is longer than any of the clients waits by itself.
        Assert.True(!WaitsAsTold || clock.Elapsed > TimeSpan.FromSeconds(0.95), $"{clock.Elapsed}");
    }
}
