using System.Net;
using System.Text.Json.Nodes;
using GemmaSharp.Extensions.AI.Tests;

namespace GemmaSharp.Server.Tests;

public sealed class AnthropicTests
{
    const string Path = "/v1/messages";

    static string Question(string text, string more) =>
        $$$"""{"model":"gemma-3n-demo","max_tokens":60,"temperature":0,"messages":[{"role":"user","content":"{{{text}}}"}]{{{more}}}}""";

    [Fact]
    public async Task Answer_has_blocks()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        JsonNode answer = await server.AskAsync(Path, Question("What is the capital of Peru?", """,  "system":[{"type":"text","text":""}]"""));
        Assert.Equal("message", (string)answer["type"]!);
        Assert.Equal("""{"type":"text","text":"The capital of Peru is Lima."}""", answer["content"]![0]!.ToJsonString());
        Assert.Equal("end_turn", (string)answer["stop_reason"]!);
        Assert.True((int)answer["usage"]!["output_tokens"]! > 0);
    }

    [Fact]
    public async Task Stream_has_the_events_in_their_order()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        using HttpResponseMessage response = await server.PostAsync(Path, Question("What is the capital of Peru?", ",\"stream\":true"));
        string text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        string[] names = [.. text.Split('\n').Where(line => line.StartsWith("event: ", StringComparison.Ordinal)).Select(line => line[7..])];
        JsonNode[] data = [.. RunningServer.Events(text).Select(line => JsonNode.Parse(line)!)];
        Assert.Equal(names, data.Select(each => (string)each["type"]!));
        Assert.Equal("message_start", names[0]);
        Assert.Equal("content_block_start", names[1]);
        Assert.Equal(["content_block_stop", "message_delta", "message_stop"], names[^3..]);
        Assert.Equal("The capital of Peru is Lima.", string.Concat(data.Select(each => (string?)each["delta"]?["text"])));
        Assert.True((int)data[0]["message"]!["usage"]!["input_tokens"]! > 0);
        Assert.Equal("end_turn", (string)data[^2]["delta"]!["stop_reason"]!);
    }

    [Fact]
    public async Task Tools_are_called_and_their_results_read()
    {
        using var script = new ScriptedModel("""[{"name":"weather","parameters":{"city":"Lima"}}]""", "It is sunny.");
        await using RunningServer server = await RunningServer.StartAsync(script.Model);
        const string Tools =
            """
            ,"tools":[{"name":"weather","description":"","input_schema":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}},
            {"type":"web_search_20250305","name":"web_search"}]
            """;
        JsonNode call = await server.AskAsync(Path, Question("Weather in Lima?", Tools));
        Assert.Equal("tool_use", (string)call["stop_reason"]!);
        JsonNode block = call["content"]!.AsArray().Single()!;
        Assert.Equal(("weather", "Lima"), ((string)block["name"]!, (string)block["input"]!["city"]!));
        JsonNode answer = await server.AskAsync(
            Path,
            $$"""
            {"model":"gemma-3n-demo","max_tokens":60,"messages":[{"role":"user","content":"Weather in Lima?"},{"role":"assistant","content":[{{block.ToJsonString()}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"{{block["id"]}}","content":[{"type":"text","text":"sunny"}]}]}]{{Tools}}}
            """);
        Assert.Equal("It is sunny.", (string)answer["content"]![0]!["text"]!);
    }

    [Fact]
    public async Task Stop_sequence_is_named()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        JsonNode answer = await server.AskAsync(Path, Question("What is the capital of Peru?", ",\"stop_sequences\":[\"nowhere\",\" is\"]"));
        Assert.Equal(("stop_sequence", " is"), ((string)answer["stop_reason"]!, (string)answer["stop_sequence"]!));
        Assert.Equal("The capital of Peru", (string)answer["content"]![0]!["text"]!);
    }

    [Fact]
    public async Task Picture_in_a_block_is_seen()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        string data = Convert.ToBase64String(await File.ReadAllBytesAsync(Demo.Golden("image-00.png"), TestContext.Current.CancellationToken));
        string body =
            $$$"""
            {"model":"gemma-3n-demo","max_tokens":60,"temperature":0,"messages":[{"role":"user","content":[
            {"type":"image","source":{"type":"base64","media_type":"image/png","data":"{{{data}}}"}},{"type":"text","text":"Describe this image."}]}]}
            """;
        JsonNode answer = await server.AskAsync(Path, body);
        JsonNode count = await server.AskAsync(Path + "/count_tokens", body);
        Assert.Equal((int)answer["usage"]!["input_tokens"]! + (int)answer["usage"]!["cache_read_input_tokens"]!, (int)count["input_tokens"]!);
        Assert.True((int)count["input_tokens"]! > 20);
    }

    [Fact]
    public async Task Errors_have_the_form()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        JsonNode missing = await server.AskAsync(Path, """{"model":"gemma-3n-demo","messages":[{"role":"user","content":"x"}]}""", HttpStatusCode.BadRequest);
        Assert.Equal(("error", "invalid_request_error"), ((string)missing["type"]!, (string)missing["error"]!["type"]!));
        JsonNode unknown = await server.AskAsync(Path, """{"model":"claude","max_tokens":1,"messages":[{"role":"user","content":"x"}]}""", HttpStatusCode.NotFound);
        Assert.Equal("not_found_error", (string)unknown["error"]!["type"]!);
    }

    [Fact]
    public async Task Last_message_of_the_assistant_is_gone_on_with()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        JsonNode answer = await server.AskAsync(
            Path,
            """
            {"model":"gemma-3n-demo","max_tokens":60,"temperature":0,"messages":[{"role":"user","content":"What is the capital of Peru?"},
            {"role":"assistant","content":"The capital of Peru"}]}
            """);
        Assert.Equal(" is Lima.", (string)answer["content"]![0]!["text"]!);
    }
}
