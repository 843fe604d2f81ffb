using System.Text.Json.Nodes;
using GemmaSharp.Extensions.AI.Tests;
using GemmaSharp.Server.Tests.Clients;
using static GemmaSharp.Server.Tests.Ollama.OllamaRequests;

namespace GemmaSharp.Server.Tests.Ollama;

public sealed class OllamaToolTests
{
    const string Url = "/api/chat";

    [Fact]
    public async Task Streamed_calls_come_in_one_line_before_the_last()
    {
        using var script = new ScriptedModel("""[{"name":"weather","parameters":{"city":"Lima"}},{"name":"weather","parameters":{"city":"Quito"}}]""");
        await using RunningServer server = await RunningServer.StartAsync(script.Model);
        JsonNode[] lines = await LinesAsync(server, Url, Chat(User("Weather?"), Weather));
        JsonArray calls = lines[^2]["message"]!["tool_calls"]!.AsArray();
        Assert.Equal(2, lines.Length);
        Assert.False((bool)lines[0]["done"]!);
        Assert.Equal(("stop", ""), ((string)lines[1]["done_reason"]!, Said(lines[1])));
        Assert.False(lines[1]["message"]!.AsObject().ContainsKey("tool_calls"));
        Assert.Equal(["Lima", "Quito"], calls.Select(call => (string)call!["function"]!["arguments"]!["city"]!));
        Assert.Equal([0, 1], calls.Select(call => (int)call!["function"]!["index"]!));
        Assert.Equal(2, calls.Select(call => (string)call!["id"]!).Distinct().Count());
    }

    [Theory]
    [InlineData("\"tool_call_id\":\"b\"", "\"tool_call_id\":\"a\"", "rain", "sun")]
    [InlineData("\"tool_name\":\"weather\"", "\"tool_name\":\"time\"", "sun", "rain")]
    [InlineData("\"name\":\"time\"", "\"name\":\"weather\"", "rain", "sun")]
    [InlineData("\"content\":\"\"", "\"content\":\"\"", "sun", "rain")]
    public async Task Results_find_their_calls_by_id_by_name_or_in_order(string first, string second, string ofFirst, string ofSecond)
    {
        using var script = new ScriptedModel("Fine.");
        using var watch = new EngineWatch(script.Model);
        await using RunningServer server = await RunningServer.StartAsync(script.Model);
        string result = first.StartsWith("\"content", StringComparison.Ordinal) ? "" : $",{first}", other = second.StartsWith("\"content", StringComparison.Ordinal) ? "" : $",{second}";
        JsonNode answer = await server.AskAsync(
            Url,
            Chat(
                $$$"""
                {{{User("Weather and time?")}}},{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"weather","arguments":{"city":"Lima"} }},
                {"id":"b","function":{"name":"time","arguments":"{\"zone\":5}"}}]},
                {"role":"tool","content":"{{{ofFirst}}}"{{{result}}}},{"role":"tool","content":"{{{ofSecond}}}"{{{other}}}}
                """,
                "\"stream\":false," + Weather));
        Assert.Equal("Fine.", Said(answer));

        // In what the model reads, each result has the name of its function.
        Assert.Matches("weather[^}]*sun", watch.Text);
        Assert.Matches("time[^}]*rain", watch.Text);
        Assert.Matches("zone[^}]*5", watch.Text);
    }

    [Fact]
    public async Task Result_without_its_call_is_read_all_the_same()
    {
        using var script = new ScriptedModel("Fine.");
        using var watch = new EngineWatch(script.Model);
        await using RunningServer server = await RunningServer.StartAsync(script.Model);
        JsonNode answer = await server.AskAsync(
            Url, Chat($$"""{"role":"tool","tool_call_id":"gone","content":"sunny"},{{User("So?")}}"""));
        Assert.Equal("Fine.", Said(answer));
        Assert.Contains("sunny", watch.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Picture_of_a_tool_is_seen()
    {
        using var script = new ScriptedModel("Fine.");
        await using RunningServer server = await RunningServer.StartAsync(script.Model);
        string image = Convert.ToBase64String(await File.ReadAllBytesAsync(Demo.Golden("image-00.png"), TestContext.Current.CancellationToken));
        string messages =
            $$$"""
            {{{User("Look.")}}},{"role":"assistant","tool_calls":[{"function":{"name":"camera","arguments":{} }}]},
            {"role":"tool","tool_name":"camera","content":"taken","images":["{{{image}}}"]}
            """;
        JsonNode answer = await server.AskAsync(Url, Chat(messages));
        Assert.Equal("Fine.", Said(answer));
        int tokens = script.Model.Tokenizer.EncodeToIds(messages.Replace(image, "", StringComparison.Ordinal), allowSpecial: false).Length;
        Assert.True((int)answer["prompt_eval_count"]! > 0 && tokens > 0);
        IReadOnlyList<int> ids = await script.Model.TokenizeAsync([ChatMessage.User("Look.")], cancellationToken: TestContext.Current.CancellationToken);
        Assert.True((int)answer["prompt_eval_count"]! > ids.Count + 20);
    }

    [Fact]
    public async Task Tools_that_are_no_functions_are_passed_over()
    {
        using var script = new ScriptedModel("No tools.");
        await using RunningServer server = await RunningServer.StartAsync(script.Model);
        Assert.Equal("No tools.", Said(await server.AskAsync(Url, Chat(User("Hello"), """ "stream":false,"tools":[{"type":"web_search"}] """))));
    }
}
