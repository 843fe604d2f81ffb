using System.Text;
using GemmaSharp.Extensions.AI.Tests;
using GemmaSharp.Server.Tests.Security;

namespace GemmaSharp.Server.Tests.Load;

/// <summary>How a server begins and ends: it says what it is about, lets answers end, and cuts what takes too long.</summary>
public sealed class StopTests
{
    const string Story = """{"messages":[{"role":"user","content":"Hello"}],"ignore_eos":true,"max_tokens":§,"stream":true}""";

    [Fact]
    public async Task Answers_end_while_health_says_that_the_server_goes()
    {
        using var engine = new SlowEngine(TimeSpan.FromMilliseconds(30));
        await using RunningServer server = await RunningServer.StartAsync(engine.Model, options => options.Drain = TimeSpan.FromSeconds(60));
        await using RawConnection stream = await RawConnection.OpenAsync(server.Address);
        await stream.SendAsync(Request(server, 60));
        await stream.HeadAsync(TestContext.Current.CancellationToken);
        Task stopping = server.Server.StopAsync(TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(async () => (await server.RawGetAsync("/health")).Status == 503, "health says so");
        RawResponse refused = await server.RawPostAsync(RawRequests.Chat, RawRequests.Question);
        Assert.Equal((503, "stopping"), (refused.Status, refused.Code));
        Assert.NotNull(refused["Retry-After"]);
        Assert.False(stopping.IsCompleted);

        // Nothing is cut: all tokens come, and the end.
        string text = await stream.UntilAsync("data: [DONE]");
        Assert.Contains("\"finish_reason\":\"length\"", text, StringComparison.Ordinal);
        await stopping;
        await Assert.ThrowsAnyAsync<Exception>(() => server.RawGetAsync("/health"));
    }

    [Theory]
    [InlineData(RawRequests.Chat, Story, "data: {\"error\"")]
    [InlineData("/api/generate", """{"model":"gemma-3n-demo","prompt":"a","raw":true,"format":{"type":"array","minItems":3000,"items":{"type":"integer"}}}""", "{\"error\"")]
    [InlineData("/v1/messages", """{"model":"gemma-3n-demo","max_tokens":3000,"stream":true,"messages":[{"role":"user","content":"a"}],"output_format":{"type":"json_schema","schema":{"type":"array","minItems":3000,"items":{"type":"integer"}}}}""", "event: error")]
    public async Task What_takes_too_long_is_cut_and_told_so(string path, string body, string said)
    {
        using var engine = new SlowEngine(TimeSpan.FromMilliseconds(30));
        await using RunningServer server = await RunningServer.StartAsync(engine.Model, options => options.Drain = TimeSpan.FromMilliseconds(500));
        await using RawConnection stream = await RawConnection.OpenAsync(server.Address);
        await stream.SendAsync(RawRequests.Of(
            "POST", path, Encoding.UTF8.GetBytes(body.Replace("§", "3000", StringComparison.Ordinal)), server.Address.Authority, "Content-Type: application/json"));
        Task<RawResponse> reading = stream.ReadAsync();
        await Eventually.TrueAsync(() => engine.Steps > 3, "the answer begins");
        await server.Server.StopAsync(TestContext.Current.CancellationToken);
        RawResponse response = await reading;
        Assert.Equal(200, response.Status);
        Assert.True(response.Body.Contains(said, StringComparison.Ordinal), response.Body);
        Assert.Contains("being stopped", response.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("[DONE]", response.Body, StringComparison.Ordinal);
        await Eventually.TrueAsync(() => engine.Model.ActiveAnswers == 0, "nobody is answered", TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task What_was_not_begun_is_refused_with_a_status()
    {
        using var engine = new SlowEngine(TimeSpan.FromMilliseconds(30), new GemmaModelOptions { MaxActive = 1 });
        await using RunningServer server = await RunningServer.StartAsync(engine.Model, options => options.Drain = TimeSpan.FromMilliseconds(300));
        await using RawConnection first = await RawConnection.OpenAsync(server.Address);
        await first.SendAsync(Request(server, 3000));
        await Eventually.TrueAsync(() => engine.Model.ActiveAnswers == 1, "the first answer begins");
        await using RawConnection second = await RawConnection.OpenAsync(server.Address);
        await second.SendAsync(RawRequests.Of("POST", RawRequests.Chat, Encoding.UTF8.GetBytes(RawRequests.Question), server.Address.Authority, "Content-Type: application/json"));
        await Eventually.TrueAsync(() => engine.Model.WaitingAnswers == 1, "the second request waits");
        Task<RawResponse> reading = second.ReadAsync();
        await server.Server.StopAsync(TestContext.Current.CancellationToken);
        RawResponse response = await reading;
        Assert.Equal((503, "stopping"), (response.Status, response.Code));
    }

    [Fact]
    public async Task While_a_model_is_loaded_all_is_refused_for_a_moment()
    {
        string folder = Path.Combine(Path.GetTempPath(), Guid.NewGuid().ToString("n"));
        try
        {
            foreach (string file in Directory.GetFiles(Demo.Folder))
            {
                Directory.CreateDirectory(folder);
                File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
            }

            await using GemmaServer server = GemmaServer.Create("127.0.0.1", 0, options =>
            {
                // The first is there at once; loading goes on until the last is, too.
                for (int i = 0; i < 8; i++)
                {
                    options.Models.Add(new GemmaServerModel(folder) { Id = $"model-{i}" });
                }
            });
            await server.StartAsync(TestContext.Current.CancellationToken);
            Uri address = server.Addresses[0];
            RawResponse health = await SendAsync(address, "GET", "/health", null);
            Assert.Equal(503, health.Status);
            Assert.Equal(("Loading model", "unavailable_error"), ((string)health.Json["error"]!["message"]!, (string)health.Json["error"]!["type"]!));
            Assert.NotNull(health["Retry-After"]);
            RawResponse asked = await SendAsync(address, "POST", RawRequests.Chat, """{"model":"model-7","messages":[{"role":"user","content":"a"}],"max_tokens":1}""");
            Assert.Equal(503, asked.Status);
            Assert.NotNull(asked["Retry-After"]);
            Assert.Equal(503, (await SendAsync(address, "GET", "/v1/models", null)).Status);
            Assert.Equal(503, (await SendAsync(address, "GET", "/api/tags", null)).Status);
            await server.ReadyAsync(TestContext.Current.CancellationToken);
            Assert.Equal(200, (await SendAsync(address, "GET", "/health", null)).Status);
            Assert.Equal(200, (await SendAsync(address, "POST", RawRequests.Chat, """{"model":"model-7","messages":[{"role":"user","content":"a"}],"max_tokens":1}""")).Status);
            await server.StopAsync(TestContext.Current.CancellationToken);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task Model_that_cannot_be_loaded_ends_the_server_and_says_why()
    {
        await using GemmaServer server = GemmaServer.Create("127.0.0.1", 0, options => options.Models.Add(new GemmaServerModel(Path.Combine(Path.GetTempPath(), "no such folder"))));
        await server.StartAsync(TestContext.Current.CancellationToken);
        await Assert.ThrowsAnyAsync<GemmaException>(() => server.ReadyAsync(TestContext.Current.CancellationToken));
        await server.WaitForShutdownAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        Assert.NotNull(server.Failure);
    }

    static byte[] Request(RunningServer server, int tokens) => RawRequests.Of(
        "POST", RawRequests.Chat, Encoding.UTF8.GetBytes(Story.Replace("§", $"{tokens}", StringComparison.Ordinal)), server.Address.Authority, "Content-Type: application/json");

    static async Task<RawResponse> SendAsync(Uri address, string method, string path, string? body)
    {
        await using RawConnection connection = await RawConnection.OpenAsync(address);
        await connection.SendAsync(RawRequests.Of(method, path, body is null ? null : Encoding.UTF8.GetBytes(body), address.Authority, "Content-Type: application/json"));
        return await connection.ReadAsync();
    }
}
