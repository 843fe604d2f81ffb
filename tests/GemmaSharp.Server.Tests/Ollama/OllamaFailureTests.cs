using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using GemmaSharp.Extensions.AI.Tests;
using GemmaSharp.Server.Tests.Clients;
using static GemmaSharp.Server.Tests.Ollama.OllamaRequests;

namespace GemmaSharp.Server.Tests.Ollama;

/// <summary>What goes wrong, what takes long, and who leaves.</summary>
public sealed class OllamaFailureTests
{
    [Theory]
    [InlineData("/api/chat")]
    [InlineData("/api/generate")]
    public async Task Failure_in_a_stream_is_its_last_line(string path)
    {
        using GemmaModel model = GemmaModel.Load(Demo.Folder);
        using var failing = new FailingModel(model, steps: 4);
        await using RunningServer server = await RunningServer.StartAsync(model);
        JsonNode[] lines = await LinesAsync(server, path, path == "/api/chat" ? Chat(User(Capital), "") : Generate(Capital, ""));
        Assert.True(lines.Length > 1);
        Assert.All(lines.SkipLast(1), line => Assert.False((bool)line["done"]!));
        Assert.Equal(["error"], Names(lines[^1]));

        // What only concerns the server is for its log.
        Assert.DoesNotContain(FailingModel.Words, lines[^1].ToJsonString(), StringComparison.Ordinal);
        JsonNode error = await server.AskAsync(
            path, path == "/api/chat" ? Chat(User(Capital)) : Generate(Capital), HttpStatusCode.InternalServerError);
        Assert.Equal(["error"], Names(error));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Model_is_idle_when_the_client_leaves(bool streams)
    {
        using GemmaModel model = GemmaModel.Load(Demo.Folder);
        using var watch = new EngineWatch(model, TimeSpan.FromMilliseconds(20));
        await using RunningServer server = await RunningServer.StartAsync(model);
        using var leaving = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/chat")
        {
            Content = new StringContent(
                $$"""{"model":"gemma-3n-demo","messages":[{{User("Hello")}}],"options":{"temperature":5,"top_k":0,"top_p":1,"seed":1},"stream":{{(streams ? "true" : "false")}}}""",
                Encoding.UTF8, "application/json"),
        };
        Task<HttpResponseMessage> asked = server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, leaving.Token);
        if (streams)
        {
            using HttpResponseMessage response = await asked;
            await using Stream body = await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
            using var reader = new StreamReader(body);
            Assert.NotNull(await reader.ReadLineAsync(TestContext.Current.CancellationToken));
            Assert.Equal(1, model.ActiveAnswers);
        }
        else
        {
            for (int i = 0; i < 250 && model.ActiveAnswers == 0; i++)
            {
                await Task.Delay(10, TestContext.Current.CancellationToken);
            }

            Assert.Equal(1, model.ActiveAnswers);
            await leaving.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
        }

        await IdleAsync(model);
    }

    [Fact]
    public async Task Held_back_call_and_long_silence_show_signs_of_life()
    {
        string call = $$"""[{"name":"weather","parameters":{"city":"{{string.Concat(Enumerable.Repeat("Lima ", 30))}}"} }]""";
        using var script = new ScriptedModel(call, call);
        using var watch = new EngineWatch(script.Model, TimeSpan.FromMilliseconds(10));
        await using RunningServer server = await RunningServer.StartAsync(script.Model, options =>
        {
            options.KeepAlive = TimeSpan.FromMilliseconds(30);
            options.PatienceOfClients = TimeSpan.FromMilliseconds(60);
        });

        // Tokens come all the time, but none of them can be shown.
        string text = await TextAsync(server, "/api/chat", Chat(User("Weather?"), Weather));
        Assert.StartsWith("  ", text, StringComparison.Ordinal);
        JsonNode[] lines = Lines(text);
        Assert.Equal(2, lines.Length);
        Assert.Single(lines[0]["message"]!["tool_calls"]!.AsArray());
        using HttpResponseMessage response = await server.PostAsync("/api/chat", Chat(User("Weather?"), "\"stream\":false," + Weather));
        string whole = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.StartsWith("\n\n", whole, StringComparison.Ordinal);
        Assert.Single(JsonNode.Parse(whole)!["message"]!["tool_calls"]!.AsArray());
    }

    [Fact]
    public async Task Overload_is_told_with_a_time_to_wait()
    {
        using GemmaModel model = GemmaModel.Load(Demo.Folder, new GemmaModelOptions { MaxActive = 1, MaxQueued = 0 });
        using var watch = new EngineWatch(model);
        await using RunningServer server = await RunningServer.StartAsync(model);
        watch.Hold();
        await using AnswerStream other = model.Answer(
            new GenerationRequest { Messages = [ChatMessage.User("Hello")], Options = new GenerationOptions { MaxTokens = 2 } }, TestContext.Current.CancellationToken);
        await other.Admitted;
        using (HttpResponseMessage response = await server.PostAsync("/api/chat", Chat(User(Capital), "")))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
            Assert.NotNull(response.Headers.RetryAfter);
            Assert.Equal(["error"], Names(JsonNode.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!));
        }

        watch.Release();
        await other.DisposeAsync();
        await IdleAsync(model);
        Assert.Equal(Lima, Said(await server.AskAsync("/api/chat", Chat(User(Capital)))));
    }

    [Fact]
    public async Task Keys_and_sizes_are_told_in_the_same_form()
    {
        await using RunningServer server = await RunningServer.StartAsync(options =>
        {
            options.ApiKeys.Add("secret");
            options.MaxBodyBytes = 2000;
        });
        JsonNode error = await server.AskAsync("/api/chat", Chat(User(Capital)), HttpStatusCode.Unauthorized);
        Assert.Equal(["error"], Names(error));
        server.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "secret");
        Assert.Equal(Lima, Said(await server.AskAsync("/api/chat", Chat(User(Capital)))));
        error = await server.AskAsync("/api/chat", Chat(User(new string('x', 3000))), HttpStatusCode.RequestEntityTooLarge);
        Assert.Equal(["error"], Names(error));
    }
}
