using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using GemmaSharp.Extensions.AI.Tests;
using GemmaSharp.Server.Tests.Clients;
using GemmaSharp.Server.Tests.Ollama;
using GemmaSharp.Server.Tests.Security;
using static GemmaSharp.Server.Tests.Anthropic.AnthropicRequests;

namespace GemmaSharp.Server.Tests.Anthropic;

/// <summary>Streams from their beginning to whatever ends them, and what is refused.</summary>
public sealed class MessageFailureTests(SharedServer shared) : IClassFixture<SharedServer>
{
    readonly RunningServer _server = shared.Server;

    [Fact]
    public async Task Stream_has_its_events_in_their_order()
    {
        JsonNode[] events = await EventsAsync(_server, Messages(User(Capital), "\"max_tokens\":60,\"stream\":true"));
        Assert.Equal(["message_start", "content_block_start", "content_block_delta"], Types(events).Take(3));
        Assert.Equal(["content_block_delta", "content_block_stop", "message_delta", "message_stop"], Types(events).TakeLast(4));
        JsonNode message = events[0]["message"]!;
        Assert.Equal(["id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"], Names(message));
        Assert.Empty(message["content"]!.AsArray());
        Assert.Null(message["stop_reason"]);
        Assert.Equal("""{"type":"text","text":""}""", events[1]["content_block"]!.ToJsonString());
        Assert.All(events[2..^3], each => Assert.Equal(("text_delta", 0), ((string)each["delta"]!["type"]!, (int)each["index"]!)));
        Assert.Equal(Lima, string.Concat(events[2..^3].Select(each => (string)each["delta"]!["text"]!)));
        Assert.Equal("""{"stop_reason":"end_turn","stop_sequence":null}""", events[^2]["delta"]!.ToJsonString());
        JsonNode usage = events[^2]["usage"]!;
        Assert.Equal((int)message["usage"]!["input_tokens"]!, (int)usage["input_tokens"]! + (int)usage["cache_read_input_tokens"]!);
        Assert.True((int)usage["output_tokens"]! > 4);
        Assert.Equal(["type"], Names(events[^1]));
    }

    [Fact]
    public async Task Answer_without_a_word_is_a_message_without_blocks()
    {
        using var script = new ScriptedModel("", "");
        await using RunningServer server = await RunningServer.StartAsync(script.Model);
        JsonNode[] events = await EventsAsync(server, Messages(User("Hush."), "\"max_tokens\":60,\"stream\":true"));
        Assert.Equal(["message_start", "message_delta", "message_stop"], Types(events));
        Assert.Equal("end_turn", (string)(await server.AskAsync(Url, Messages(User("Hush."))))["stop_reason"]!);
    }

    [Theory]
    [InlineData("{\"max_tokens\":1,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", "model")]
    [InlineData("{\"model\":\"gemma-3n-demo\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", "max_tokens")]
    [InlineData("{\"model\":\"gemma-3n-demo\",\"max_tokens\":0,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", "max_tokens")]
    [InlineData("{\"model\":\"gemma-3n-demo\",\"max_tokens\":1}", "messages")]
    [InlineData("{\"model\":\"gemma-3n-demo\",\"max_tokens\":1,\"messages\":[]}", "messages")]
    [InlineData("[]", "a list")]
    [InlineData("{\"model\":", "not sound JSON")]
    public async Task Missing_field_is_named(string json, string words) => await RefusedAsync(json, words);

    [Theory]
    [InlineData("\"temperature\":1.5", "temperature")]
    [InlineData("\"top_p\":-1", "top_p")]
    [InlineData("\"top_k\":-1", "top_k")]
    [InlineData("\"stop_sequences\":[1]", "stop_sequences[0]")]
    [InlineData("\"stream\":1", "stream")]
    [InlineData("\"system\":7", "system")]
    [InlineData("\"system\":[{\"type\":\"text\"}]", "system[0].text")]
    public async Task Wrong_field_is_named(string field, string words) =>
        await RefusedAsync($$"""{"model":"gemma-3n-demo","max_tokens":9,"messages":[{{User("x")}}],{{field}}}""", words);

    [Theory]
    [InlineData("user", "7", "messages[0].content")]
    [InlineData("user", "null", "messages[0].content")]
    [InlineData("wizard", "\"x\"", "messages[0].role")]
    [InlineData("user", "[{\"text\":\"x\"}]", "messages[0].content[0].type")]
    [InlineData("user", "[{\"type\":\"hologram\"}]", "hologram")]
    [InlineData("user", "[{\"type\":\"text\"}]", "messages[0].content[0].text")]
    [InlineData("user", "[{\"type\":\"image\"}]", "messages[0].content[0].source")]
    [InlineData("user", "[{\"type\":\"image\",\"source\":{\"type\":\"file\",\"file_id\":\"f\"}}]", "files are not stored")]
    [InlineData("user", "[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"data\":\"AAAA\"}}]", "messages[0].content[0].source.data")]
    [InlineData("user", "[{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"http://127.0.0.1:9/a.png\"}}]", "messages[0].content[0].source.url")]
    [InlineData("user", "[{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"file:///etc/passwd\"}}]", "messages[0].content[0].source.url")]
    [InlineData("user", "[{\"type\":\"document\",\"source\":{\"type\":\"base64\",\"media_type\":\"application/pdf\",\"data\":\"JVBERi0xLjcK\"}}]", "PDF")]
    [InlineData("user", "[{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"x\",\"input\":{}}]", "of the role assistant")]
    [InlineData("assistant", "[{\"type\":\"tool_result\",\"tool_use_id\":\"a\"}]", "of the role user")]
    [InlineData("assistant", "[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"data\":\"AAAA\"}}]", "of the role user")]
    [InlineData("assistant", "[{\"type\":\"tool_use\",\"name\":\"x\",\"input\":{}}]", "messages[0].content[0].id")]
    [InlineData("assistant", "[{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"x\",\"input\":\"{}\"}]", "messages[0].content[0].input")]
    [InlineData("user", "[{\"type\":\"tool_result\"}]", "messages[0].content[0].tool_use_id")]
    [InlineData("user", "[{\"type\":\"tool_result\",\"tool_use_id\":\"a\",\"content\":\"x\"}]", "no message before it has such a call")]
    [InlineData("user", "[{\"type\":\"tool_result\",\"tool_use_id\":\"a\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"b\"}]}]", "inside another block")]
    public async Task Wrong_block_is_named(string role, string content, string words) => await RefusedAsync(Messages(Message(role, content)), words);

    [Theory]
    [InlineData("POST", "/v1/messages", "{\"model\":\"claude-9\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", 404, "not_found_error")]
    [InlineData("POST", "/v1/messages/count_tokens", "{\"model\":\"claude-9\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", 404, "not_found_error")]
    [InlineData("POST", "/v1/messages/batches", "{}", 404, "not_found_error")]
    [InlineData("GET", "/v1/messages", null, 405, "invalid_request_error")]
    public async Task Nothing_there_is_told_in_the_form(string method, string path, string? json, int status, string type)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path) { Content = json is null ? null : new StringContent(json, Encoding.UTF8, "application/json") };
        using HttpResponseMessage response = await _server.Http.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(type, Error(JsonNode.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!).Type);
        Assert.StartsWith("req_", Assert.Single(response.Headers.GetValues("request-id")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("true")]
    [InlineData("false")]
    public async Task Prompt_beyond_the_context_is_refused_with_both_numbers(string streams)
    {
        await using RunningServer server = await RunningServer.StartAsync(how: new GemmaModelOptions { ContextLength = 64 });
        string body = Messages(User(string.Join(' ', Enumerable.Repeat("word", 200))), "\"max_tokens\":9,\"stream\":" + streams);
        (string type, string message) = Error(await server.AskAsync(Url, body, HttpStatusCode.BadRequest));
        Assert.Equal("invalid_request_error", type);
        Assert.Contains("holds 64", message, StringComparison.Ordinal);

        // Who counts is told how much it is.
        Assert.True((int)(await server.AskAsync(Url + "/count_tokens", body))["input_tokens"]! > 200);
    }

    [Fact]
    public async Task Keys_and_sizes_are_told_in_the_form()
    {
        await using RunningServer server = await RunningServer.StartAsync(options =>
        {
            options.ApiKeys.Add("secret");
            options.MaxBodyBytes = 2000;
        });
        Assert.Equal("authentication_error", Error(await server.AskAsync(Url, Messages(User(Capital)), HttpStatusCode.Unauthorized)).Type);
        server.Http.DefaultRequestHeaders.Add("x-api-key", "secret");
        Assert.Equal(Lima, Said(await server.AskAsync(Url, Messages(User(Capital)))));
        JsonNode large = await server.AskAsync(Url, Messages(User(new string('x', 3000))), HttpStatusCode.RequestEntityTooLarge);
        Assert.Equal("request_too_large", Error(large).Type);
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
        using HttpResponseMessage response = await server.PostAsync(Url, Messages(User(Capital), "\"max_tokens\":9,\"stream\":true"));
        watch.Release();
        Assert.Equal(HttpStatusCode.TooManyRequests, response.StatusCode);
        Assert.NotNull(response.Headers.RetryAfter);
        Assert.Equal("rate_limit_error", Error(JsonNode.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!).Type);
    }

    [Fact]
    public async Task Failure_in_a_stream_is_an_event()
    {
        using GemmaModel model = GemmaModel.Load(Demo.Folder);
        using var failing = new FailingModel(model, steps: 4);
        await using RunningServer server = await RunningServer.StartAsync(model);
        JsonNode[] events = await EventsAsync(server, Messages(User(Capital), "\"max_tokens\":60,\"stream\":true"));
        Assert.Equal("message_start", (string)events[0]["type"]!);
        Assert.DoesNotContain("message_stop", Types(events));
        (string type, string message) = Error(events[^1]);
        Assert.Equal("api_error", type);
        Assert.DoesNotContain(FailingModel.Words, message, StringComparison.Ordinal);
        Assert.Equal("api_error", Error(await server.AskAsync(Url, Messages(User(Capital)), HttpStatusCode.InternalServerError)).Type);
    }

    [Fact]
    public async Task Message_begins_before_its_first_token_and_pings_while_nothing_can_be_shown()
    {
        string call = $$"""[{"name":"weather","parameters":{"city":"{{string.Concat(Enumerable.Repeat("Lima ", 30))}}"} }]""";
        using var script = new ScriptedModel(call, call);
        using var watch = new EngineWatch(script.Model, TimeSpan.FromMilliseconds(10));
        await using RunningServer server = await RunningServer.StartAsync(script.Model, options =>
        {
            options.KeepAlive = TimeSpan.FromMilliseconds(30);
            options.PatienceOfClients = TimeSpan.FromMilliseconds(60);
        });
        JsonNode[] events = await EventsAsync(server, Messages(User("Weather?"), "\"max_tokens\":400,\"stream\":true," + Weather));
        Assert.Equal(["message_start", "ping", "ping"], Types(events).Take(3));
        Assert.Equal("tool_use", (string)events[^2]["delta"]!["stop_reason"]!);
        using HttpResponseMessage response = await server.PostAsync(Url, Messages(User("Weather?"), "\"max_tokens\":400," + Weather));
        string whole = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.StartsWith("\n\n", whole, StringComparison.Ordinal);
        Assert.Equal("tool_use", (string)JsonNode.Parse(whole)!["stop_reason"]!);
    }

    [Fact]
    public async Task Model_is_idle_when_the_client_leaves()
    {
        using GemmaModel model = GemmaModel.Load(Demo.Folder);
        using var watch = new EngineWatch(model, TimeSpan.FromMilliseconds(20));
        await using RunningServer server = await RunningServer.StartAsync(model);
        string json = $$"""{"model":"gemma-3n-demo","max_tokens":2000,"stream":true,"temperature":1,"messages":[{{User("Hello")}},{{Message("assistant", "\"One, two,\"")}}]}""";
        using (var request = new HttpRequestMessage(HttpMethod.Post, Url) { Content = new StringContent(json, Encoding.UTF8, "application/json") })
        using (HttpResponseMessage response = await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken))
        {
            await using Stream body = await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
            using var reader = new StreamReader(body);
            Assert.Equal("event: message_start", await reader.ReadLineAsync(TestContext.Current.CancellationToken));
        }

        await OllamaRequests.IdleAsync(model);
    }

    async Task RefusedAsync(string json, string words)
    {
        (string type, string message) = Error(await _server.AskAsync(Url, json, HttpStatusCode.BadRequest));
        Assert.Equal("invalid_request_error", type);
        Assert.Contains(words, message, StringComparison.Ordinal);
    }
}
