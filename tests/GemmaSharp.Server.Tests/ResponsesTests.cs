using System.Net;
using System.Text.Json.Nodes;
using GemmaSharp.Extensions.AI.Tests;

namespace GemmaSharp.Server.Tests;

public sealed class ResponsesTests
{
    const string Path = "/v1/responses";
    const string Weather = """[{"name":"weather","parameters":{"city":"Lima"}}]""";

    const string Tools =
        """
        "tools":[{"type":"function","name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]},"strict":true},
        {"type":"web_search"}]
        """;

    [Fact]
    public async Task Answer_has_all_keys()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        JsonObject answer = (await server.AskAsync(Path, """{"input":"What is the capital of Peru?","temperature":0,"metadata":{"a":"b"}}""")).AsObject();
        Assert.Equal("completed", (string)answer["status"]!);
        Assert.Equal("The capital of Peru is Lima.", (string)answer["output"]![0]!["content"]![0]!["text"]!);
        Assert.Equal("b", (string)answer["metadata"]!["a"]!);
        foreach (string key in (string[])["error", "incomplete_details", "instructions", "previous_response_id", "max_output_tokens", "tools", "tool_choice", "text",
            "truncation", "usage", "parallel_tool_calls", "store", "temperature", "top_p", "reasoning", "created_at", "completed_at"])
        {
            Assert.True(answer.ContainsKey(key), key);
        }
    }

    [Fact]
    public async Task Stream_has_the_events_in_their_order()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        using HttpResponseMessage response = await server.PostAsync(Path, """{"input":"What is the capital of Peru?","temperature":0,"stream":true}""");
        string text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        string[] names = [.. text.Split('\n').Where(line => line.StartsWith("event: ", StringComparison.Ordinal)).Select(line => line[7..])];
        JsonNode[] data = [.. RunningServer.Events(text).Select(line => JsonNode.Parse(line)!)];
        Assert.Equal(names, data.Select(each => (string)each["type"]!));
        Assert.Equal(Enumerable.Range(0, data.Length), data.Select(each => (int)each["sequence_number"]!));
        Assert.Equal(
            ["response.created", "response.in_progress", "response.output_item.added", "response.content_part.added", "response.output_text.delta"], names[..5]);
        Assert.Equal(
            ["response.output_text.done", "response.content_part.done", "response.output_item.done", "response.completed"], names[^4..]);
        Assert.Equal("The capital of Peru is Lima.", string.Concat(data.Where(each => (string)each["type"]! == "response.output_text.delta").Select(each => (string)each["delta"]!)));
        Assert.DoesNotContain("[DONE]", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Calls_and_results_go_round(bool stored)
    {
        using var script = new ScriptedModel(Weather, "It is sunny.");
        await using RunningServer server = await RunningServer.StartAsync(script.Model, options => options.StoredResponses = stored ? 10 : 0);
        JsonNode call = await server.AskAsync(Path, $$"""{"input":[{"role":"user","content":"Weather in Lima?"}],{{Tools}}}""");
        JsonNode item = call["output"]!.AsArray().Single()!;
        Assert.Equal(("function_call", "weather", """{"city":"Lima"}"""), ((string)item["type"]!, (string)item["name"]!, (string)item["arguments"]!));
        string result = $$"""{"type":"function_call_output","call_id":"{{item["call_id"]}}","output":"sunny"}""";
        JsonNode answer = await server.AskAsync(
            Path, stored
                ? $$"""{"previous_response_id":"{{call["id"]}}","input":[{{result}}],{{Tools}}}"""
                : $$"""{"input":[{"role":"user","content":"Weather in Lima?"},{"type":"reasoning","summary":[]},{{item.ToJsonString()}},{{result}}],{{Tools}}}""");
        Assert.Equal("It is sunny.", (string)answer["output"]![0]!["content"]![0]!["text"]!);
    }

    [Fact]
    public async Task Kept_responses_are_their_keys_own_and_can_be_deleted()
    {
        await using RunningServer server = await RunningServer.StartAsync(options =>
        {
            options.StoredResponses = 2;
            options.ApiKeys.Add("one");
            options.ApiKeys.Add("two");
        });
        server.Http.DefaultRequestHeaders.Authorization = new("Bearer", "one");
        string id = (string)(await server.AskAsync(Path, """{"input":"What is 2 plus 2?","temperature":0}"""))["id"]!;
        Assert.Equal(id, (string)(await server.GetAsync($"{Path}/{id}"))["id"]!);
        Assert.Equal("What is 2 plus 2?", (string)(await server.GetAsync($"{Path}/{id}/input_items"))["data"]![0]!["content"]![0]!["text"]!);
        server.Http.DefaultRequestHeaders.Authorization = new("Bearer", "two");
        Assert.Equal(HttpStatusCode.NotFound, (await server.Http.GetAsync($"{Path}/{id}", TestContext.Current.CancellationToken)).StatusCode);
        JsonNode error = await server.AskAsync(Path, $$"""{"input":"x","previous_response_id":"{{id}}"}""", HttpStatusCode.BadRequest);
        Assert.Equal("previous_response_not_found", (string)error["error"]!["code"]!);
        server.Http.DefaultRequestHeaders.Authorization = new("Bearer", "one");
        using HttpResponseMessage deleted = await server.Http.DeleteAsync($"{Path}/{id}", TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, deleted.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Http.GetAsync($"{Path}/{id}", TestContext.Current.CancellationToken)).StatusCode);
    }

    [Fact]
    public async Task Format_and_limit_hold()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        JsonNode answer = await server.AskAsync(
            Path,
            """
            {"input":"Capital?","text":{"format":{"type":"json_schema","name":"a","schema":{"type":"object","properties":{"capital":{"enum":["Lima","Quito"]}},
            "required":["capital"],"additionalProperties":false},"strict":true}}}
            """);
        Assert.Contains((string)JsonNode.Parse((string)answer["output"]![0]!["content"]![0]!["text"]!)!["capital"]!, (string[])["Lima", "Quito"]);
        JsonNode cut = await server.AskAsync(Path, """{"input":"What is the capital of Peru?","temperature":0,"max_output_tokens":2}""");
        Assert.Equal(("incomplete", "max_output_tokens"), ((string)cut["status"]!, (string)cut["incomplete_details"]!["reason"]!));
    }

    [Theory]
    [InlineData("""{"input":"x","conversation":"c"}""", "conversation")]
    [InlineData("""{"input":"x","background":true}""", "background")]
    [InlineData("""{}""", "input")]
    [InlineData("""{"input":[{"type":"item_reference","id":"msg_1"}]}""", "input[0].id")]
    [InlineData("""{"input":[{"type":"strange"}]}""", "input[0].type")]
    public async Task What_cannot_be_done_is_refused_by_its_name(string body, string param)
    {
        await using RunningServer server = await RunningServer.StartAsync();
        Assert.Equal(param, (string)(await server.AskAsync(Path, body, HttpStatusCode.BadRequest))["error"]!["param"]!);
    }
}
