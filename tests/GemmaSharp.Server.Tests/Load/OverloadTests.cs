using System.Globalization;
using System.Text;
using GemmaSharp.Server.Tests.Security;

namespace GemmaSharp.Server.Tests.Load;

/// <summary>More requests than can be answered, and answers that keep clients waiting.</summary>
public sealed class OverloadTests
{
    [Theory]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"a"}],"max_tokens":1}""", 429)]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"a"}],"max_tokens":1,"stream":true}""", 429)]
    [InlineData("/v1/completions", """{"prompt":"a"}""", 429)]
    [InlineData("/v1/responses", """{"input":"a","stream":true}""", 429)]
    [InlineData("/v1/messages", """{"model":"gemma-3n-demo","max_tokens":1,"messages":[{"role":"user","content":"a"}]}""", 429)]
    [InlineData("/api/chat", """{"model":"gemma-3n-demo","messages":[{"role":"user","content":"a"}]}""", 503)]
    public async Task Too_many_are_told_when_to_come_again_and_it_recovers(string path, string body, int status)
    {
        using var engine = new SlowEngine(TimeSpan.FromMilliseconds(10), new GemmaModelOptions { MaxActive = 1, MaxQueued = 1 });
        await using RunningServer server = await RunningServer.StartAsync(engine.Model);
        var others = new List<RawConnection>();
        try
        {
            for (int i = 0; i < 2; i++)
            {
                RawConnection other = await RawConnection.OpenAsync(server.Address);
                others.Add(other);
                await other.SendAsync(RawRequests.Of(
                    "POST", RawRequests.Chat, """{"messages":[{"role":"user","content":"a"}],"ignore_eos":true,"max_tokens":3000}"""u8.ToArray(), server.Address.Authority,
                    "Content-Type: application/json"));
                int waiting = i;
                await Eventually.TrueAsync(() => engine.Model.ActiveAnswers == 1 && engine.Model.WaitingAnswers == waiting, "the others are there");
            }

            RawResponse refused = await server.RawPostAsync(path, body);
            Assert.True(refused.Status == status, refused.Body);
            Assert.True(int.Parse(refused["Retry-After"]!, CultureInfo.InvariantCulture) >= 1);
            Assert.Equal(200, (await server.RawGetAsync("/health")).Status);
        }
        finally
        {
            foreach (RawConnection other in others)
            {
                await other.DisposeAsync();
            }
        }

        await Eventually.TrueAsync(() => engine.Model.ActiveAnswers + engine.Model.WaitingAnswers == 0, "the others have gone");
        Assert.Equal(200, (await server.RawPostAsync(path, body)).Status);
    }

    [Fact]
    public async Task Answer_in_one_piece_is_begun_with_white_space_when_it_takes_long()
    {
        using var engine = new SlowEngine(TimeSpan.FromMilliseconds(50));
        await using RunningServer server = await RunningServer.StartAsync(engine.Model, options =>
        {
            options.PatienceOfClients = TimeSpan.FromMilliseconds(200);
            options.KeepAlive = TimeSpan.FromMilliseconds(100);
        });
        foreach ((string path, string body) in ((string, string)[])[
            (RawRequests.Chat, RawRequests.Question), ("/v1/responses", """{"input":"What is the capital of Peru?","temperature":0}"""),
            ("/api/chat", """{"model":"gemma-3n-demo","messages":[{"role":"user","content":"What is the capital of Peru?"}],"stream":false,"options":{"temperature":0}}""")])
        {
            RawResponse response = await server.RawPostAsync(path, body);
            Assert.Equal(200, response.Status);
            Assert.StartsWith("\n\n", response.Body, StringComparison.Ordinal);
            Assert.Contains("The capital of Peru is Lima.", response.Json.ToJsonString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Failure_after_the_white_space_is_said_in_the_body()
    {
        using var engine = new SlowEngine(TimeSpan.FromMilliseconds(300));
        await using RunningServer server = await RunningServer.StartAsync(engine.Model, options => options.PatienceOfClients = TimeSpan.FromMilliseconds(50));
        Action<Model.Text.TextStep> forward = engine.Model.Engine.Forward;
        engine.Model.Engine.Forward = step =>
        {
            forward(step);
            throw new InvalidOperationException("secret");
        };
        RawResponse response = await server.RawPostAsync(RawRequests.Chat, RawRequests.Question);
        Assert.Equal(200, response.Status);
        Assert.StartsWith("\n", response.Body, StringComparison.Ordinal);
        Assert.Equal("internal_error", response.Code);
        Assert.DoesNotContain("secret", response.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Silent_streams_are_kept_alive_by_one_line()
    {
        using var engine = new SlowEngine(TimeSpan.FromMilliseconds(20));
        await using RunningServer server = await RunningServer.StartAsync(engine.Model, options => options.KeepAlive = TimeSpan.FromMilliseconds(100));
        foreach ((string path, string body, string ping) in ((string, string, string)[])[
            (RawRequests.Chat, """{"messages":[{"role":"user","content":"Hello"}],"ignore_eos":true,"max_tokens":40,"stream":true}""", "\n\n: ping\n"),
            ("/v1/messages", """{"model":"gemma-3n-demo","max_tokens":40,"stream":true,"messages":[{"role":"user","content":"Tell me a story."}]}""", "event: ping\n")])
        {
            await using RawConnection connection = await RawConnection.OpenAsync(server.Address);
            await connection.SendAsync(RawRequests.Of("POST", path, Encoding.UTF8.GetBytes(body), server.Address.Authority, "Content-Type: application/json"));
            Task<RawResponse> reading = connection.ReadAsync();
            int steps = engine.Steps;
            await Eventually.TrueAsync(() => engine.Steps > steps + 3, "the answer begins");
            engine.Stop();
            await Task.Delay(500, TestContext.Current.CancellationToken);
            engine.GoOn();
            RawResponse response = await reading;
            Assert.Contains(ping, response.Body, StringComparison.Ordinal);

            // With two, some clients take it for an event.
            Assert.DoesNotContain(": ping\n\n", response.Body, StringComparison.Ordinal);
            Assert.DoesNotContain("error", response.Body, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Stream_that_waits_is_begun_before_its_client_gives_up()
    {
        using var engine = new SlowEngine(TimeSpan.FromMilliseconds(10), new GemmaModelOptions { MaxActive = 1 });
        await using RunningServer server = await RunningServer.StartAsync(engine.Model, options => options.KeepAlive = TimeSpan.FromMilliseconds(100));
        await using RawConnection first = await RawConnection.OpenAsync(server.Address);
        await first.SendAsync(RawRequests.Of(
            "POST", RawRequests.Chat, """{"messages":[{"role":"user","content":"a"}],"ignore_eos":true,"max_tokens":3000}"""u8.ToArray(), server.Address.Authority,
            "Content-Type: application/json"));
        await Eventually.TrueAsync(() => engine.Model.ActiveAnswers == 1, "the first answer begins");
        await using RawConnection second = await RawConnection.OpenAsync(server.Address);
        await second.SendAsync(RawRequests.Of(
            "POST", RawRequests.Chat, """{"messages":[{"role":"user","content":"What is the capital of Peru?"}],"temperature":0,"stream":true}"""u8.ToArray(), server.Address.Authority,
            "Content-Type: application/json"));
        Assert.Contains(" 200 ", await second.HeadAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        await second.UntilAsync(": ping\n");
        Assert.Equal(1, engine.Model.WaitingAnswers);
        await first.DisposeAsync();
        Assert.Contains("Lima", await second.UntilAsync("[DONE]"), StringComparison.Ordinal);
    }
}
