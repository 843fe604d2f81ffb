using System.Net;
using System.Text.Json.Nodes;
using GemmaSharp.Extensions.AI.Tests;

namespace GemmaSharp.Server.Tests;

public sealed class ChatCompletionTests
{
    const string Path = "/v1/chat/completions";

    [Theory]
    [InlineData("\"images\":[\"aGVsbG8=\"]", "messages[0].images")]
    [InlineData("\"attachments\":[{\"x\":1}]", "messages[0].attachments")]
    [InlineData("\"extra\":[{\"type\":\"textFile\",\"content\":\"secret\"}]", "messages[0].extra")]
    [InlineData("\"images\":[],\"files\":null,\"name\":\"me\"", null)]
    public async Task Files_beside_the_content_are_refused_by_name(string more, string? param)
    {
        await using RunningServer server = await RunningServer.StartAsync();
        using HttpResponseMessage response = await server.Http.PostAsync(
            "/v1/chat/completions",
            new StringContent("{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"," + more + "}],\"max_tokens\":2}", System.Text.Encoding.UTF8, "application/json"),
            TestContext.Current.CancellationToken);
        string body = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.Equal(param is null ? 200 : 400, (int)response.StatusCode);
        Assert.True(param is null || body.Contains($"\"param\":\"{param}\"", StringComparison.Ordinal), body);
    }

    [Fact]
    public async Task Answer_has_every_key_of_the_schema()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        JsonNode answer = await server.AskAsync(Path, RunningServer.Question("What is the capital of Peru?"));
        Assert.StartsWith("chatcmpl-", (string)answer["id"]!, StringComparison.Ordinal);
        Assert.Equal("chat.completion", (string)answer["object"]!);
        JsonNode choice = answer["choices"]![0]!;
        Assert.Equal("The capital of Peru is Lima.", (string)choice["message"]!["content"]!);
        Assert.Equal("assistant", (string)choice["message"]!["role"]!);
        Assert.True(choice["message"]!.AsObject().ContainsKey("refusal"));
        Assert.True(choice.AsObject().ContainsKey("logprobs"));
        Assert.Equal("stop", (string)choice["finish_reason"]!);
        JsonNode usage = answer["usage"]!;
        Assert.Equal((int)usage["prompt_tokens"]! + (int)usage["completion_tokens"]!, (int)usage["total_tokens"]!);
        Assert.Equal((int)usage["prompt_tokens"]!, (int)usage["prompt_tokens_details"]!["text_tokens"]!);
    }

    [Fact]
    public async Task Stream_is_the_answer_in_pieces()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        using HttpResponseMessage response = await server.PostAsync(
            Path, RunningServer.Question("What is the capital of Peru?", "\"stream\":true,\"stream_options\":{\"include_usage\":true}"));
        Assert.Equal("text/event-stream; charset=utf-8", response.Content.Headers.ContentType!.ToString());
        string text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.EndsWith("data: [DONE]\n\n", text, StringComparison.Ordinal);
        JsonNode[] chunks = [.. RunningServer.Events(text).SkipLast(1).Select(data => JsonNode.Parse(data)!)];
        Assert.Equal("""{"role":"assistant","content":""}""", chunks[0]["choices"]![0]!["delta"]!.ToJsonString());
        Assert.Equal(
            "The capital of Peru is Lima.", string.Concat(chunks.Select(chunk => chunk["choices"]!.AsArray().Count == 0 ? "" : (string?)chunk["choices"]![0]!["delta"]!["content"])));
        Assert.Equal("stop", (string)chunks[^2]["choices"]![0]!["finish_reason"]!);
        Assert.Empty(chunks[^1]["choices"]!.AsArray());
        Assert.True((int)chunks[^1]["usage"]!["completion_tokens"]! > 0);
        Assert.All(chunks.SkipLast(1), chunk => Assert.True(chunk.AsObject().ContainsKey("usage") && chunk["usage"] is null));
        Assert.Single(chunks.Select(chunk => (string)chunk["id"]!).Distinct());
    }

    [Fact]
    public async Task Without_include_usage_no_chunk_is_without_choices()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        IReadOnlyList<JsonNode> chunks = await server.StreamAsync(Path, RunningServer.Question("What is 2 plus 2?", "\"stream\":true"));
        Assert.All(chunks, chunk => Assert.NotEmpty(chunk["choices"]!.AsArray()));
        Assert.All(chunks, chunk => Assert.False(chunk.AsObject().ContainsKey("usage")));
    }

    [Fact]
    public async Task Nulls_are_as_good_as_none_and_unknown_fields_do_no_harm()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        JsonNode answer = await server.AskAsync(
            Path,
            RunningServer.Question(
                "What is the capital of Peru?",
                """
                "max_tokens":128.0,"top_p":null,"stop":null,"n":null,"stream":null,"tools":null,"tool_choice":null,"response_format":null,"seed":null,
                "logprobs":null,"top_logprobs":null,"logit_bias":null,"user":"me","metadata":{},"store":false,"something":[1,2]
                """));
        Assert.Equal("The capital of Peru is Lima.", (string)answer["choices"]![0]!["message"]!["content"]!);
    }

    [Theory]
    [InlineData("\"temperature\":3", "temperature", "invalid_value")]
    [InlineData("\"n\":9", "n", "invalid_value")]
    [InlineData("\"max_tokens\":0", "max_tokens", "invalid_value")]
    [InlineData("\"max_tokens\":1.5", "max_tokens", "invalid_value")]
    [InlineData("\"top_logprobs\":3", "top_logprobs", "invalid_value")]
    [InlineData("\"logit_bias\":{\"99999999\":1}", null, "invalid_value")]
    [InlineData("\"logit_bias\":{\"a\":1}", "logit_bias", "invalid_value")]
    [InlineData("\"response_format\":{\"type\":\"xml\"}", "response_format.type", "unsupported_value")]
    [InlineData("\"modalities\":[\"audio\"]", "modalities", "unsupported_value")]
    [InlineData("\"tool_choice\":\"required\"", "tool_choice", "invalid_value")]
    [InlineData("\"stop\":[1]", "stop[0]", "invalid_value")]
    public async Task Wrong_value_is_refused_by_its_name(string field, string? param, string code)
    {
        await using RunningServer server = await RunningServer.StartAsync();
        string body = $$"""{"messages":[{"role":"user","content":"Hello"}],{{field}}}""";
        JsonNode error = (await server.AskAsync(Path, body, HttpStatusCode.BadRequest))["error"]!;
        Assert.Equal("invalid_request_error", (string)error["type"]!);
        Assert.Equal(param, (string?)error["param"]);
        Assert.Equal(code, (string)error["code"]!);
    }

    [Fact]
    public async Task Unknown_model_is_told_what_there_is()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        JsonNode error = (await server.AskAsync(Path, RunningServer.Question("Hello", "\"model\":\"gpt-9\""), HttpStatusCode.NotFound))["error"]!;
        Assert.Equal("model_not_found", (string)error["code"]!);
        Assert.Contains("gemma-3n-demo", (string)error["message"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Prompt_beyond_the_context_names_both_numbers()
    {
        await using RunningServer server = await RunningServer.StartAsync(how: new GemmaModelOptions { ContextLength = 64 });
        JsonNode error = (await server.AskAsync(
            Path, RunningServer.Question(string.Join(' ', Enumerable.Repeat("word", 200)), "\"stream\":true"), HttpStatusCode.BadRequest))["error"]!;
        Assert.Equal("context_length_exceeded", (string)error["code"]!);
        Assert.Contains("64", (string)error["message"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Picture_is_seen_and_counted()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        string picture = Convert.ToBase64String(await File.ReadAllBytesAsync(Demo.Golden("image-00.png"), TestContext.Current.CancellationToken));
        string body =
            $$$"""{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,{{{picture}}}"}},{"type":"text","text":"Describe this image."}]}],"temperature":0}""";
        JsonNode answer = await server.AskAsync(Path, body);
        Assert.True((int)answer["usage"]!["prompt_tokens_details"]!["image_tokens"]! > 0);
        Assert.Equal(
            (string)answer["choices"]![0]!["message"]!["content"]!,
            (string)(await server.AskAsync(Path, body.Replace("{\"url\":\"data:image/png;base64," + picture + "\"}", $"\"{picture}\"", StringComparison.Ordinal)))
                ["choices"]![0]!["message"]!["content"]!);
    }

    [Fact]
    public async Task Schema_binds_the_answer()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        JsonNode answer = await server.AskAsync(
            Path,
            RunningServer.Question(
                "What is the capital of Peru?",
                """
                "max_tokens":100,"response_format":{"type":"json_schema","json_schema":{"name":"a","strict":true,"schema":{"type":"object",
                "properties":{"capital":{"enum":["Lima","Quito"]}},"required":["capital"],"additionalProperties":false}}}
                """));
        Assert.Contains((string)JsonNode.Parse((string)answer["choices"]![0]!["message"]!["content"]!)!["capital"]!, (string[])["Lima", "Quito"]);
    }

    [Fact]
    public async Task Tool_calls_are_streamed_with_their_index()
    {
        using var model = new ScriptedModel("""[{"name":"weather","parameters":{"city":"Lima"}}]""");
        await using RunningServer server = await RunningServer.StartAsync(model.Model);
        IReadOnlyList<JsonNode> chunks = await server.StreamAsync(
            Path,
            RunningServer.Question(
                "Weather in Lima?",
                """
                "stream":true,"tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string"}},
                "required":["city"]}}},{"type":"web_search"}]
                """));
        JsonNode[] calls = [.. chunks.Select(chunk => chunk["choices"]![0]!["delta"]!["tool_calls"]).OfType<JsonArray>().Select(list => list[0]!)];
        Assert.Equal("tool_calls", (string)chunks[^1]["choices"]![0]!["finish_reason"]!);
        Assert.Equal("weather", (string)calls[0]["function"]!["name"]!);
        Assert.Equal("function", (string)calls[0]["type"]!);
        Assert.Equal("""{"city":"Lima"}""", (string)calls[1]["function"]!["arguments"]!);
        Assert.All(calls, call => Assert.Equal(0, (int)call["index"]!));
        Assert.False(calls[1].AsObject().ContainsKey("id"));
    }
}
