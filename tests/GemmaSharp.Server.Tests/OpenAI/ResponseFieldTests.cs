using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using GemmaSharp.Extensions.AI.Tests;

namespace GemmaSharp.Server.Tests.OpenAI;

/// <summary>The fields of <c>/v1/responses</c>, group by group, as they are on the wire.</summary>
public sealed class ResponseFieldTests
{
    const string Path = "/v1/responses";

    static string Text(JsonNode response) => (string)response["output"]![0]!["content"]![0]!["text"]!;

    [Fact]
    public async Task Keys_are_all_there_and_nulls_too()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        JsonObject answer = (await server.AskAsync(Path, """{"input":"What is the capital of Peru?","temperature":0}""")).AsObject();
        string[] nulls = ["error", "incomplete_details", "instructions", "previous_response_id", "max_output_tokens", "max_tool_calls", "conversation", "prompt",
            "prompt_cache_key", "safety_identifier", "user"];
        Assert.All(nulls, key => Assert.True(answer.ContainsKey(key) && answer[key] is null, key));
        string[] others = ["id", "object", "created_at", "completed_at", "status", "model", "output", "parallel_tool_calls", "tool_choice", "tools", "text",
            "temperature", "top_p", "usage", "metadata", "truncation", "store", "reasoning", "background", "top_logprobs", "service_tier"];
        Assert.All(others, key => Assert.True(answer.ContainsKey(key) && answer[key] is not null, key));
        Assert.Empty(nulls.Concat(others).Order().Except(answer.Select(pair => pair.Key)));
        Assert.Equal(("response", "auto", "disabled", false), ((string)answer["object"]!, (string)answer["tool_choice"]!, (string)answer["truncation"]!, (bool)answer["store"]!));
        Assert.Equal("text", (string)answer["text"]!["format"]!["type"]!);
        JsonNode usage = answer["usage"]!;
        Assert.Equal((int)usage["total_tokens"]!, (int)usage["input_tokens"]! + (int)usage["output_tokens"]!);
        Assert.NotNull(usage["input_tokens_details"]!["cached_tokens"]);
        Assert.Equal(0, (int)usage["output_tokens_details"]!["reasoning_tokens"]!);
        JsonObject message = answer["output"]!.AsArray().Single()!.AsObject();
        Assert.StartsWith("msg_", (string)message["id"]!, StringComparison.Ordinal);
        Assert.Equal(("message", "completed", "assistant"), ((string)message["type"]!, (string)message["status"]!, (string)message["role"]!));
        JsonObject part = message["content"]!.AsArray().Single()!.AsObject();
        Assert.Equal(["annotations", "logprobs", "text", "type"], part.Select(pair => pair.Key).Order());
        Assert.StartsWith("resp_", (string)answer["id"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_was_asked_for_is_said_again()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        JsonNode answer = await server.AskAsync(
            Path,
            """
            {"input":"What is the capital of Peru?","instructions":"Answer.","temperature":0,"top_p":0.5,"max_output_tokens":40,"max_tool_calls":3,
            "metadata":{"a":"b"},"text":{"verbosity":"low"},"truncation":"auto","reasoning":{"effort":"low","summary":"auto"},"prompt_cache_key":"k","user":"u",
            "parallel_tool_calls":false,"tool_choice":"none","tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":{}}}],
            "service_tier":"flex","include":["reasoning.encrypted_content"],"stream":false,"store":true,"top_logprobs":0,"stream_options":null}
            """);
        Assert.Equal(
            ("Answer.", 0.5, 40, 3, "b", "low", "text", "auto", "k", "u", false, "none"),
            ((string)answer["instructions"]!, (double)answer["top_p"]!, (int)answer["max_output_tokens"]!, (int)answer["max_tool_calls"]!,
            (string)answer["metadata"]!["a"]!, (string)answer["text"]!["verbosity"]!, (string)answer["text"]!["format"]!["type"]!, (string)answer["truncation"]!,
            (string)answer["prompt_cache_key"]!, (string)answer["user"]!, (bool)answer["parallel_tool_calls"]!, (string)answer["tool_choice"]!));
        Assert.Equal("f", (string)answer["tools"]![0]!["name"]!);
        Assert.False((bool)answer["store"]!);
    }

    [Theory]
    [InlineData("/v1/responses")]
    [InlineData("/responses")]
    public async Task Inputs_that_say_the_same_are_answered_the_same(string path)
    {
        await using RunningServer server = await RunningServer.StartAsync();
        string[] inputs =
        [
            "\"What is the capital of Peru?\"",
            """[{"role":"user","content":"What is the capital of Peru?"}]""",
            """[{"type":"message","role":"user","content":[{"type":"input_text","text":"What is the capital of Peru?"}]}]""",
            """[{"type":"reasoning","id":"rs_1","summary":[]},{"role":"user","content":["What is the capital of Peru?"]},{"type":"web_search_call","id":"ws_1"}]""",
        ];
        foreach (string input in inputs)
        {
            Assert.Equal("The capital of Peru is Lima.", Text(await server.AskAsync(path, $$"""{"input":{{input}},"temperature":0}""")));
        }
    }

    [Fact]
    public async Task Pictures_and_sound_are_seen_and_heard()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        using JsonDocument items = JsonDocument.Parse(await File.ReadAllBytesAsync(Demo.Golden("items.json"), TestContext.Current.CancellationToken));
        JsonElement picture = items.RootElement.GetProperty("items").EnumerateArray().First(item => item.TryGetProperty("image", out JsonElement name) && name.GetString() == "image-00.png");
        string question = picture.GetProperty("content").EnumerateArray().Single(part => part.GetProperty("type").GetString() == "text").GetProperty("text").GetString()!;
        string url = "data:image/png;base64," + Convert.ToBase64String(await File.ReadAllBytesAsync(Demo.Golden("image-00.png"), TestContext.Current.CancellationToken));
        JsonNode seen = await server.AskAsync(
            Path,
            $$"""{"input":[{"role":"user","content":[{"type":"input_image","image_url":"{{url}}"},{"type":"input_text","text":{{JsonSerializer.Serialize(question)}} }]}],"temperature":0}""");
        JsonNode same = await server.AskAsync(
            "/v1/chat/completions",
            $$$"""{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"{{{url}}}"}},{"type":"text","text":{{{JsonSerializer.Serialize(question)}}} }]}],"temperature":0}""");
        Assert.Equal((string)same["choices"]![0]!["message"]!["content"]!, Text(seen));
        string sound = Convert.ToBase64String(await File.ReadAllBytesAsync(Demo.Golden("audio-00.wav"), TestContext.Current.CancellationToken));
        JsonNode heard = await server.AskAsync(
            Path,
            $$"""
            {"input":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"{{sound}}","format":"wav"} },
            {"type":"input_text","text":"Transcribe this audio."}]}],"temperature":0}
            """);
        Assert.Equal("five nine seven six", Text(heard));
    }

    [Fact]
    public async Task Probabilities_come_where_they_are_included()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        const string Body = """{"input":"What is the capital of Peru?","temperature":0,"top_logprobs":2,"include":["message.output_text.logprobs"]""";
        JsonNode answer = await server.AskAsync(Path, Body + "}");
        JsonArray logprobs = answer["output"]![0]!["content"]![0]!["logprobs"]!.AsArray();
        Assert.Equal(Text(answer), string.Concat(logprobs.Select(each => (string)each!["token"]!)));
        Assert.All(logprobs, each => Assert.Equal(2, each!["top_logprobs"]!.AsArray().Count));
        Assert.Equal(2, (int)answer["top_logprobs"]!);
        IReadOnlyList<JsonNode> events = await server.StreamAsync(Path, Body + ",\"stream\":true}");
        JsonNode[] deltas = [.. events.Where(each => (string)each["type"]! == "response.output_text.delta")];
        Assert.Equal(logprobs.Count, deltas.Sum(each => each["logprobs"]!.AsArray().Count));
        JsonNode done = events.Single(each => (string)each["type"]! == "response.output_text.done");
        Assert.Equal(logprobs.Count, done["logprobs"]!.AsArray().Count);
        Assert.Empty((await server.AskAsync(Path, """{"input":"What is the capital of Peru?","temperature":0}"""))["output"]![0]!["content"]![0]!["logprobs"]!.AsArray());
    }

    [Fact]
    public async Task Custom_calls_of_other_models_are_calls_and_results()
    {
        using var script = new ScriptedModel("It was patched.");
        await using RunningServer server = await RunningServer.StartAsync(script.Model);
        JsonNode answer = await server.AskAsync(
            Path,
            """
            {"input":[{"role":"user","content":"Patch it."},{"type":"custom_tool_call","call_id":"c1","name":"apply_patch","input":"*** \"a\""},
            {"type":"custom_tool_call_output","call_id":"c1","output":[{"type":"input_text","text":"done"}]}]}
            """);
        Assert.Equal("It was patched.", Text(answer));
        int tokens = (await script.Model.TokenizeAsync(
            [
                GemmaSharp.ChatMessage.User("Patch it."),
                new GemmaSharp.ChatMessage(
                    GemmaSharp.ChatMessage.AssistantRole, [new ToolCallPart(new ToolCall("c1", "apply_patch", """{"input":"*** \"a\""}"""))]),
                new GemmaSharp.ChatMessage(GemmaSharp.ChatMessage.ToolRole, [new ToolResultPart("c1", null, "done")]),
            ],
            null, TestContext.Current.CancellationToken)).Count;
        Assert.Equal(tokens, (int)answer["usage"]!["input_tokens"]!);
    }

    [Fact]
    public async Task Oldest_turns_are_left_out_where_that_is_wanted()
    {
        await using RunningServer server = await RunningServer.StartAsync(how: new GemmaModelOptions { ContextLength = 160 });
        string turns = string.Join(',', Enumerable.Range(0, 20).Select(i =>
            $$"""{"role":"user","content":"What is {{i}} plus {{i}}?"},{"role":"assistant","content":"It is some number."}"""));
        string body = $$"""{"instructions":"Be brief.","input":[{{turns}},{"role":"user","content":"What is the capital of Peru?"}],"temperature":0""";
        JsonNode error = (await server.AskAsync(Path, body + "}", HttpStatusCode.BadRequest))["error"]!;
        Assert.Equal(("context_length_exceeded", "input"), ((string)error["code"]!, (string)error["param"]!));
        JsonNode answer = await server.AskAsync(Path, body + ",\"truncation\":\"auto\"}");
        Assert.Equal("completed", (string)answer["status"]!);
        int tokens = (int)answer["usage"]!["input_tokens"]!;
        Assert.InRange(tokens, 100, 159);
        Assert.Equal(tokens, (int)(await server.AskAsync(Path + "/input_tokens", body + ",\"truncation\":\"auto\"}"))["input_tokens"]!);
        string longest = string.Concat(Enumerable.Repeat("one two three ", 100));
        error = (await server.AskAsync(Path, $$"""{"input":"{{longest}}","truncation":"auto"}""", HttpStatusCode.BadRequest))["error"]!;
        Assert.Equal("context_length_exceeded", (string)error["code"]!);
    }

    [Fact]
    public async Task Tokens_are_counted_as_they_are_answered()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        const string Body = """{"input":[{"role":"user","content":"What is the capital of Peru?"}],"instructions":"Answer."}""";
        JsonNode count = await server.AskAsync("/responses/input_tokens", Body);
        Assert.Equal("response.input_tokens", (string)count["object"]!);
        Assert.Equal((int)(await server.AskAsync(Path, Body))["usage"]!["input_tokens"]!, (int)count["input_tokens"]!);
        Assert.Equal("conversation", (string)(await server.AskAsync("/v1/responses/input_tokens", """{"input":"x","conversation":"c"}""", HttpStatusCode.BadRequest))["error"]!["param"]!);
    }

    [Theory]
    [InlineData("""{"input":"x","metadata":[]}""", "metadata", "invalid_value")]
    [InlineData("""{"input":"x","metadata":{"a":"\ud800"}}""", null, "invalid_value")]
    [InlineData("""{"input":"x","prompt":{"id":"p"}}""", "prompt", "unsupported_value")]
    [InlineData("""{"input":"x","truncation":"middle"}""", "truncation", "invalid_value")]
    [InlineData("""{"input":"x","max_output_tokens":0}""", "max_output_tokens", "invalid_value")]
    [InlineData("""{"input":"x","top_logprobs":21}""", "top_logprobs", "invalid_value")]
    [InlineData("""{"input":"x","text":{"format":{"type":"xml"}}}""", "text.format.type", "unsupported_value")]
    [InlineData("""{"input":"x","text":{"format":{"type":"json_schema","name":"a"}}}""", "text.format.schema", "missing_required_parameter")]
    [InlineData("""{"input":"x","tools":[{"type":"function"}]}""", "tools[0].name", "missing_required_parameter")]
    [InlineData("""{"input":"x","tool_choice":"required","tools":[{"type":"web_search"}]}""", "tool_choice", "invalid_value")]
    [InlineData("""{"input":5}""", "input", "invalid_value")]
    [InlineData("""{"input":[5]}""", "input[0]", "invalid_value")]
    [InlineData("""{"input":[{"role":"robot","content":"x"}]}""", "input[0].role", "invalid_value")]
    [InlineData("""{"input":[{"content":"x"}]}""", "input[0].role", "missing_required_parameter")]
    [InlineData("""{"input":[{"type":"function_call","name":"f"}]}""", "input[0].call_id", "missing_required_parameter")]
    [InlineData("""{"input":[{"type":"function_call_output","output":"x"}]}""", "input[0].call_id", "missing_required_parameter")]
    [InlineData("""{"input":[{"id":"msg_1"}]}""", "input[0].id", "invalid_value")]
    [InlineData("""{"input":"x","previous_response_id":"resp_1"}""", "previous_response_id", "previous_response_not_found")]
    [InlineData("""{"input":"x","model":"other"}""", "model", "model_not_found")]
    public async Task Wrong_fields_are_refused_by_name_and_code(string body, string? param, string code)
    {
        await using RunningServer server = await RunningServer.StartAsync();
        HttpStatusCode status = code == "model_not_found" ? HttpStatusCode.NotFound : HttpStatusCode.BadRequest;
        JsonObject error = (await server.AskAsync(Path, body, status))["error"]!.AsObject();
        Assert.Equal(["code", "message", "param", "type"], error.Select(pair => pair.Key).Order());
        Assert.Equal((param, code, "invalid_request_error"), ((string?)error["param"], (string)error["code"]!, (string)error["type"]!));
    }

    [Fact]
    public async Task Abandoned_stream_frees_the_engine()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        GemmaModel model = server.Model;
        using var request = new HttpRequestMessage(HttpMethod.Post, Path)
        {
            Content = new StringContent("""{"input":"What is the capital of Peru?","ignore_eos":true,"stream":true}""", Encoding.UTF8, "application/json"),
        };
        using (HttpResponseMessage response = await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken))
        {
            using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken));
            while (await reader.ReadLineAsync(TestContext.Current.CancellationToken) is string line && !line.Contains("output_text.delta", StringComparison.Ordinal))
            {
            }

            Assert.Equal(1, model.ActiveAnswers);
        }

        await RunningServer.BecomesAsync(() => model.ActiveAnswers == 0);
    }
}
