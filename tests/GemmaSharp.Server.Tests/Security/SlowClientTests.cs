using System.Diagnostics;
using GemmaSharp.Extensions.AI.Tests;

namespace GemmaSharp.Server.Tests.Security;

/// <summary>Clients that hold a connection and do not use it.</summary>
public sealed class SlowClientTests
{
    [Fact]
    public async Task Headers_that_trickle_end_the_connection()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        await using RawConnection connection = await RawConnection.OpenAsync(server.Address);
        await connection.SendAsync("GET /v1/models HTTP/1.1\r\nHost: localhost\r\n");
        Assert.True(await TricklesUntilEndAsync(connection, "X-A: b\r\n", TimeSpan.FromSeconds(40)));
        Assert.Equal(200, (await server.RawGetAsync("/v1/models")).Status);
    }

    [Fact]
    public async Task Body_that_trickles_ends_the_connection()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        await using RawConnection connection = await RawConnection.OpenAsync(server.Address);
        await connection.SendAsync(
            $"POST {RawRequests.Chat} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{{\"a\":\"");
        Assert.True(await TricklesUntilEndAsync(connection, "a", TimeSpan.FromSeconds(60)));
        Assert.Equal(200, (await server.RawGetAsync("/v1/models")).Status);
    }

    [Fact]
    public async Task Stream_that_is_not_read_is_cut_off_and_its_answer_ended()
    {
        using GemmaModel model = GemmaModel.Load(Demo.Folder);
        await using RunningServer server = await RunningServer.StartAsync(model, options => options.SlowReaderTimeout = TimeSpan.FromSeconds(1));
        await using RawConnection connection = await RawConnection.OpenAsync(server.Address, receiveBuffer: 4096);
        await connection.SendAsync(RawRequests.Of(
            "POST", RawRequests.Chat,
            System.Text.Encoding.UTF8.GetBytes(
                """{"messages":[{"role":"user","content":"Hello"}],"stream":true,"n":8,"ignore_eos":true,"max_tokens":100000,"logprobs":true,"top_logprobs":20}"""
                    .Replace("100000", "4000", StringComparison.Ordinal)),
            server.Address.Authority, "Content-Type: application/json"));
        await Eventually.TrueAsync(() => model.ActiveAnswers == 8, "the answers begin");
        await Eventually.TrueAsync(() => model.ActiveAnswers == 0, "the answers end", TimeSpan.FromSeconds(60));
        Assert.True(await connection.EndsWithinAsync(TimeSpan.FromSeconds(10)), "The connection is still open.");
        Assert.Equal(200, (await server.RawPostAsync(RawRequests.Chat, RawRequests.Question)).Status);
    }

    [Fact]
    public async Task Refusals_that_are_not_read_end_the_connection()
    {
        await using RunningServer server = await RunningServer.StartAsync(options => options.SlowReaderTimeout = TimeSpan.FromSeconds(2));
        await using RawConnection connection = await RawConnection.OpenAsync(server.Address, receiveBuffer: 4096);
        byte[] many = [.. Enumerable.Repeat("GET /v1/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray(), 1000).SelectMany(request => request)];
        var watch = Stopwatch.StartNew();
        bool ended = false;
        while (!ended && watch.Elapsed < TimeSpan.FromSeconds(40))
        {
            try
            {
                await connection.SendAsync(many).AsTask().WaitAsync(TimeSpan.FromSeconds(40), TestContext.Current.CancellationToken);
            }
            catch (IOException)
            {
                ended = true;
            }
            catch (TimeoutException)
            {
                break;
            }
        }

        Assert.True(ended, "The server waits for a reader that does not read.");
    }

    [Fact]
    public async Task Connections_are_counted_and_those_beyond_are_closed()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        var connections = new List<RawConnection>();
        try
        {
            for (int i = 0; i < 1024; i++)
            {
                connections.Add(await RawConnection.OpenAsync(server.Address));
            }

            // The first ones are served, the last one is not.
            await connections[0].SendAsync("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
            Assert.Equal(200, (await connections[0].ReadAsync()).Status);
            await using (RawConnection beyond = await RawConnection.OpenAsync(server.Address))
            {
                Assert.True(await beyond.EndsWithinAsync(TimeSpan.FromSeconds(20)));
            }

            for (int i = 0; i < 10; i++)
            {
                await connections[^1].DisposeAsync();
                connections.RemoveAt(connections.Count - 1);
            }

            await Eventually.TrueAsync(
                async () =>
                {
                    try
                    {
                        return (await server.RawGetAsync("/health")).Status == 200;
                    }
                    catch (Exception error) when (error is IOException or EndOfStreamException)
                    {
                        return false;
                    }
                },
                "a place is free again");
        }
        finally
        {
            foreach (RawConnection connection in connections)
            {
                await connection.DisposeAsync();
            }
        }
    }

    static async Task<bool> TricklesUntilEndAsync(RawConnection connection, string drop, TimeSpan patience)
    {
        Task<bool> end = connection.EndsWithinAsync(patience);
        while (!end.IsCompleted)
        {
            try
            {
                await connection.SendAsync(drop);
            }
            catch (IOException)
            {
                return true;
            }

            await Task.WhenAny(end, Task.Delay(1000, TestContext.Current.CancellationToken));
        }

        return await end;
    }
}
