using System.Net;
using System.Text.Json.Nodes;
using GemmaSharp.Extensions.AI.Tests;
using GemmaSharp.Server.Tests.Clients;
using static GemmaSharp.Server.Tests.Anthropic.AnthropicRequests;

namespace GemmaSharp.Server.Tests.Anthropic;

public sealed class MessageToolTests
{
    const string TwoCalls = """[{"name":"weather","parameters":{"city":"Lima"}},{"name":"weather","parameters":{"city":"Quito"}}]""";

    [Fact]
    public async Task Calls_are_blocks_with_objects()
    {
        using var script = new ScriptedModel(TwoCalls);
        await using RunningServer server = await RunningServer.StartAsync(script.Model);
        JsonNode answer = await server.AskAsync(Url, Messages(User("Weather?"), "\"max_tokens\":99," + Weather));
        JsonArray blocks = answer["content"]!.AsArray();
        Assert.Equal("tool_use", (string)answer["stop_reason"]!);
        Assert.Equal(2, blocks.Count);
        Assert.All(blocks, block => Assert.Equal(["type", "id", "name", "input"], Names(block!)));
        Assert.All(blocks, block => Assert.Equal(("tool_use", "weather"), ((string)block!["type"]!, (string)block["name"]!)));
        Assert.Equal(["Lima", "Quito"], blocks.Select(block => (string)block!["input"]!["city"]!));
        Assert.Equal(2, blocks.Select(block => (string)block!["id"]!).Distinct().Count());
    }

    [Fact]
    public async Task Streamed_calls_are_blocks_after_each_other()
    {
        using var script = new ScriptedModel(TwoCalls);
        await using RunningServer server = await RunningServer.StartAsync(script.Model);
        JsonNode[] events = await EventsAsync(server, Messages(User("Weather?"), "\"max_tokens\":99,\"stream\":true," + Weather));
        Assert.Equal(
            [
                "message_start", "content_block_start", "content_block_delta", "content_block_stop", "content_block_start", "content_block_delta", "content_block_stop",
                "message_delta", "message_stop",
            ],
            Types(events.Where(each => (string)each["type"]! != "ping")));
        Assert.Equal([0, 0, 0, 1, 1, 1], events[1..^2].Select(each => (int)each["index"]!));
        Assert.Equal("{}", events[1]["content_block"]!["input"]!.ToJsonString());
        Assert.Equal("input_json_delta", (string)events[2]["delta"]!["type"]!);
        Assert.Equal(["Lima", "Quito"], new[] { events[2], events[5] }.Select(each => (string)JsonNode.Parse((string)each["delta"]!["partial_json"]!)!["city"]!));
        Assert.Equal("tool_use", (string)events[^2]["delta"]!["stop_reason"]!);
        Assert.True((int)events[^2]["usage"]!["output_tokens"]! > 10);
    }

    [Fact]
    public async Task Results_are_told_with_the_names_of_their_calls()
    {
        using var script = new ScriptedModel("Fine.");
        using var watch = new EngineWatch(script.Model);
        await using RunningServer server = await RunningServer.StartAsync(script.Model);
        string image = Convert.ToBase64String(await File.ReadAllBytesAsync(Demo.Golden("image-00.png"), TestContext.Current.CancellationToken));
        JsonNode answer = await server.AskAsync(
            Url,
            Messages(
                $$$"""
                {{{User("Weather and time?")}}},
                {"role":"assistant","content":[{"type":"text","text":"Let me see."},{"type":"tool_use","id":"toolu_1","name":"weather","input":{"city":"Lima"}},
                {"type":"tool_use","id":"toolu_2","name":"time","input":{"zone":5}}]},
                {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_2","is_error":true,"content":"no clock"},
                {"type":"tool_result","tool_use_id":"toolu_1","content":[{"type":"text","text":"sun"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"{{{image}}}"}}]},
                {"type":"text","text":"Now tell me."}]}
                """,
                "\"max_tokens\":9," + Weather));
        Assert.Equal("Fine.", Said(answer));
        Assert.Matches("weather[^}]*sun", watch.Text);
        Assert.Matches("time[^}]*Error: no clock", watch.Text);
        Assert.Contains("Let me see.", watch.Text, StringComparison.Ordinal);
        Assert.Matches("(?s)sun.*Now tell me\\.", watch.Text);
        Assert.True((int)answer["usage"]!["input_tokens"]! > 60);
    }

    [Theory]
    [InlineData("\"tool_choice\":{\"type\":\"any\",\"disable_parallel_tool_use\":true}", "tool_use")]
    [InlineData("\"tool_choice\":{\"type\":\"tool\",\"name\":\"weather\",\"disable_parallel_tool_use\":true}", "tool_use")]
    [InlineData("\"tool_choice\":{\"type\":\"none\"}", "text")]
    public async Task Choice_is_obeyed(string choice, string type)
    {
        // The demo knows nothing of tools, so that it calls one only if it must.
        await using RunningServer server = await RunningServer.StartAsync();
        JsonNode answer = await server.AskAsync(
            Url,
            Messages(
                User(Capital),
                $$"""
                "max_tokens":60,"tools":[{"name":"weather","input_schema":{"type":"object","properties":{"city":{"enum":["Lima"]} },"required":["city"]} }],{{choice}}
                """));
        Assert.Equal(type, (string)Assert.Single(answer["content"]!.AsArray())!["type"]!);
        Assert.Equal(type == "text" ? Lima : "", Said(answer));
    }

    [Theory]
    [InlineData("\"tool_choice\":{\"type\":\"any\"}", "tool_choice")]
    [InlineData("\"tool_choice\":{\"type\":\"any\"},\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"web_search\"}]", "tool_choice")]
    [InlineData("\"tool_choice\":{\"type\":\"maybe\"}", "tool_choice.type")]
    [InlineData("\"tool_choice\":{}", "tool_choice.type")]
    [InlineData("\"tool_choice\":\"any\"", "tool_choice")]
    [InlineData("\"tool_choice\":{\"type\":\"tool\",\"name\":\"time\"}," + Weather, "time")]
    [InlineData("\"tool_choice\":{\"type\":\"tool\"}," + Weather, "tool_choice.name")]
    [InlineData("\"tools\":[{\"input_schema\":{}}]", "tools[0].name")]
    [InlineData("\"tools\":{}", "tools")]
    [InlineData("\"tools\":[{\"name\":\"x\",\"input_schema\":{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#/nowhere\"}}}}]", "tools[0]")]
    public async Task Wrong_tools_are_refused(string fields, string words)
    {
        await using RunningServer server = await RunningServer.StartAsync();
        (string type, string message) = Error(await server.AskAsync(Url, Messages(User("x"), "\"max_tokens\":9," + fields), HttpStatusCode.BadRequest));
        Assert.Equal("invalid_request_error", type);
        Assert.Contains(words, message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tools_of_other_servers_are_passed_over_and_tools_are_counted()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        int bare = await CountAsync(""), passed = await CountAsync("\"tools\":[{\"type\":\"bash_20250124\",\"name\":\"bash\"}]");
        Assert.Equal(bare, passed);
        Assert.True(await CountAsync(Weather) > bare + 20);

        async Task<int> CountAsync(string more) => (int)(await server.AskAsync(Url + "/count_tokens", Messages(User("Hello"), more)))["input_tokens"]!;
    }
}
