using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using GemmaSharp.Extensions.AI.Tests;
using GemmaSharp.Server.Tests.Clients;
using GemmaSharp.Server.Tests.Security;
using static GemmaSharp.Server.Tests.Anthropic.AnthropicRequests;

namespace GemmaSharp.Server.Tests.Anthropic;

public sealed class MessageTests(SharedServer shared) : IClassFixture<SharedServer>
{
    readonly RunningServer _server = shared.Server;

    [Fact]
    public async Task Message_has_its_fields_alone()
    {
        JsonNode answer = await _server.AskAsync(Url, Messages(User(Capital)));
        Assert.Equal(["id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"], Names(answer));
        Assert.StartsWith("msg_", (string)answer["id"]!, StringComparison.Ordinal);
        Assert.Equal(("message", "assistant", "gemma-3n-demo"), ((string)answer["type"]!, (string)answer["role"]!, (string)answer["model"]!));
        Assert.Equal(["type", "text"], Names(answer["content"]![0]!));
        Assert.Equal((Lima, "end_turn", null), (Said(answer), (string)answer["stop_reason"]!, (string?)answer["stop_sequence"]));
        JsonNode usage = answer["usage"]!;
        Assert.Equal(["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens"], Names(usage));
        int counted = (int)(await _server.AskAsync(Url + "/count_tokens", Messages(User(Capital), "")))["input_tokens"]!;
        Assert.Equal(counted, (int)usage["input_tokens"]! + (int)usage["cache_read_input_tokens"]!);
        Assert.InRange((int)usage["output_tokens"]!, 5, 30);
    }

    [Fact]
    public async Task Tokens_found_again_are_counted_apart()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        string question = Messages(User("What is 2 plus 2? " + string.Concat(Enumerable.Repeat("Think well. ", 40))));
        JsonNode first = (await server.AskAsync(Url, question))["usage"]!, second = (await server.AskAsync(Url, question))["usage"]!;
        Assert.Equal(0, (int)first["cache_read_input_tokens"]!);
        Assert.True((int)second["cache_read_input_tokens"]! > 0);
        Assert.Equal((int)first["input_tokens"]!, (int)second["input_tokens"]! + (int)second["cache_read_input_tokens"]!);
    }

    [Fact]
    public async Task What_has_no_effect_is_taken()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Url)
        {
            Content = new StringContent(
                Messages(
                    $$"""{"role":"user","content":[{"type":"text","text":"{{Capital}}","cache_control":{"type":"ephemeral"},"citations":null}]}""",
                    """
                    "max_tokens":60,"metadata":{"user_id":"me"},"thinking":{"type":"enabled","budget_tokens":1024},"service_tier":"auto","stream":null,"system":null,
                    "stop_sequences":null,"top_k":null,"top_p":null,"tools":null,"tool_choice":null,"mcp_servers":[],"output_config":{"effort":"low"},"something":1
                    """),
                Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("anthropic-version", "2023-06-01");
        request.Headers.Add("anthropic-beta", "a-2025-01-01,b-2025-01-01");
        using HttpResponseMessage response = await _server.Http.SendAsync(request, TestContext.Current.CancellationToken);
        string text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(response.IsSuccessStatusCode, text);
        Assert.Equal(Lima, Said(JsonNode.Parse(text)!));
        Assert.StartsWith("req_", Assert.Single(response.Headers.GetValues("request-id")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"system\":\"Be kind.\"")]
    [InlineData("\"system\":[{\"type\":\"text\",\"text\":\"Be kind.\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}]")]
    public async Task Instructions_are_a_text_or_blocks(string system)
    {
        int bare = await CountAsync(User(Capital)), told = await CountAsync(User(Capital), system);
        Assert.Equal(bare + (await CountAsync(User(Capital), "\"system\":\"Be kind.\"") - bare), told);
        Assert.True(told > bare);
    }

    [Fact]
    public async Task Several_instructions_are_all_read()
    {
        using var script = new ScriptedModel("Fine.");
        using var watch = new EngineWatch(script.Model);
        await using RunningServer server = await RunningServer.StartAsync(script.Model);
        await server.AskAsync(Url, Messages(User("Hello"), """ "max_tokens":9,"system":[{"type":"text","text":"Be kind."},{"type":"text","text":"Be brief."}] """));
        Assert.Matches("Be kind\\.\\s+Be brief\\.", watch.Text);
    }

    [Theory]
    [InlineData("\"max_tokens\":1", 1)]
    [InlineData("\"max_tokens\":4.0", 4)]
    public async Task Limit_ends_the_answer(string limit, int count)
    {
        JsonNode answer = await _server.AskAsync(Url, Messages(User(Capital), limit));
        Assert.Equal((count, "max_tokens"), ((int)answer["usage"]!["output_tokens"]!, (string)answer["stop_reason"]!));
        Assert.StartsWith(Said(answer), Lima, StringComparison.Ordinal);
        Assert.Equal("text", (string)answer["content"]![0]!["type"]!);
    }

    [Fact]
    public async Task Limit_beyond_the_context_is_no_fault() =>
        Assert.Equal(Lima, Said(await _server.AskAsync(Url, Messages(User(Capital), "\"max_tokens\":64000"))));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Stop_sequence_is_named(bool streams)
    {
        string body = Messages(User(Capital), "\"max_tokens\":60,\"stop_sequences\":[\"nowhere\",\" is\"],\"stream\":" + (streams ? "true" : "false"));
        if (!streams)
        {
            JsonNode answer = await _server.AskAsync(Url, body);
            Assert.Equal(("The capital of Peru", "stop_sequence", " is"), (Said(answer), (string)answer["stop_reason"]!, (string)answer["stop_sequence"]!));
            return;
        }

        JsonNode[] events = await EventsAsync(_server, body);
        Assert.Equal("The capital of Peru", string.Concat(events.Select(each => (string?)each["delta"]?["text"])));
        Assert.Equal("""{"stop_reason":"stop_sequence","stop_sequence":" is"}""", events[^2]["delta"]!.ToJsonString());
    }

    [Theory]
    [InlineData("\"temperature\":1,\"top_k\":1")]
    [InlineData("\"temperature\":1,\"top_p\":0")]
    public async Task Cuts_leave_the_likeliest(string fields) =>
        Assert.Equal(Lima, Said(await _server.AskAsync(Url, $$"""{"model":"gemma-3n-demo","max_tokens":60,"messages":[{{User(Capital)}}],{{fields}}}""")));

    [Fact]
    public async Task Last_message_of_the_assistant_is_gone_on_with()
    {
        string prefill = Message("assistant", """[{"type":"thinking","thinking":"Where is that?","signature":"x"},{"type":"text","text":"The capital of Peru"}]""");
        Assert.Equal(" is Lima.", Said(await _server.AskAsync(Url, Messages($"{User(Capital)},{prefill}"))));
        JsonNode[] events = await EventsAsync(_server, Messages($"{User(Capital)},{prefill}", "\"max_tokens\":60,\"stream\":true"));
        Assert.Equal(" is Lima.", string.Concat(events.Select(each => (string?)each["delta"]?["text"])));
    }

    [Theory]
    [InlineData("\"output_config\":{\"format\":FORMAT}")]
    [InlineData("\"output_format\":FORMAT")]
    public async Task Format_binds_the_answer(string field)
    {
        const string Format = """{"type":"json_schema","schema":{"type":"object","properties":{"capital":{"enum":["Lima","Quito"]}},"required":["capital"],"additionalProperties":false}}""";
        JsonNode answer = await _server.AskAsync(Url, Messages(User(Capital), "\"max_tokens\":60," + field.Replace("FORMAT", Format, StringComparison.Ordinal)));
        Assert.Contains((string)JsonNode.Parse(Said(answer))!["capital"]!, (string[])["Lima", "Quito"]);
        JsonNode refused = await _server.AskAsync(
            Url, Messages(User(Capital), "\"max_tokens\":60," + field.Replace("FORMAT", """{"type":"xml"}""", StringComparison.Ordinal)), HttpStatusCode.BadRequest);
        Assert.Equal("invalid_request_error", Error(refused).Type);
    }

    [Fact]
    public async Task Pictures_sound_and_documents_are_read()
    {
        string picture = await DataAsync("image-00.png"), sound = await DataAsync("audio-00.wav"), text = Convert.ToBase64String("The sky is green."u8);
        int bare = await CountAsync(User("What?"));
        int seen = await CountAsync(With($$"""{"type":"image","source":{"type":"base64","media_type":"image/png","data":"{{picture}}"} }"""));
        Assert.True(seen > bare + 10);
        Assert.Equal(seen, await CountAsync(With($$"""{"type":"image","source":{"type":"url","url":"data:image/png;base64,{{picture}}"} }""")));
        Assert.True(await CountAsync(With($$"""{"type":"document","source":{"type":"base64","media_type":"audio/wav","data":"{{sound}}"} }""")) > bare);
        int read = await CountAsync(With("""{"type":"document","source":{"type":"text","media_type":"text/plain","data":"The sky is green."}}"""));
        Assert.True(read > bare);
        Assert.Equal(read, await CountAsync(With($$"""{"type":"document","source":{"type":"base64","media_type":"text/plain","data":"{{text}}"} }""")));
        Assert.Equal(read, await CountAsync(With("""{"type":"document","source":{"type":"content","content":[{"type":"text","text":"The sky is green."}]}}""")));
        Assert.Equal(read, await CountAsync(With("""{"type":"document","source":{"type":"content","content":"The sky is green."}}""")));
        Assert.True(await CountAsync(With("""{"type":"document","title":"Of the sky","context":"News","source":{"type":"text","data":"The sky is green."}}""")) > read);
        Assert.True(await CountAsync(
            With("""{"type":"search_result","title":"Sky","source":"https://sky.example","content":[{"type":"text","text":"The sky is green."}]}""")) > read);

        static string With(string block) => Message("user", $$"""[{{block}},{"type":"text","text":"What?"}]""");
    }

    [Fact]
    public async Task What_other_servers_did_is_left_out()
    {
        string answer = Message(
            "assistant",
            """
            [{"type":"redacted_thinking","data":"x"},{"type":"server_tool_use","id":"s1","name":"web_search","input":{}},
            {"type":"web_search_tool_result","tool_use_id":"s1","content":[]},{"type":"text","text":"Hi."}]
            """);
        Assert.Equal(
            await CountAsync($"{User("Hello")},{Message("assistant", "\"Hi.\"")},{User("So?")}"), await CountAsync($"{User("Hello")},{answer},{User("So?")}"));
    }

    async Task<int> CountAsync(string messages, string more = "") =>
        (int)(await _server.AskAsync(Url + "/count_tokens", Messages(messages, more)))["input_tokens"]!;

    static async Task<string> DataAsync(string file) =>
        Convert.ToBase64String(await File.ReadAllBytesAsync(Demo.Golden(file), TestContext.Current.CancellationToken));
}
