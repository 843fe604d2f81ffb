using System.Text.Json.Nodes;
using GemmaSharp.Extensions.AI.Tests;

namespace GemmaSharp.Server.Tests.OpenAI;

/// <summary>The events of a streamed response, in their order.</summary>
public sealed class ResponseStreamTests
{
    const string Path = "/v1/responses";

    const string Tools =
        """
        "tools":[{"type":"function","name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}},
        {"type":"custom","name":"apply_patch"},{"type":"web_search"}]
        """;

    /// <summary>Names of events, with runs of deltas as one, checked against their data.</summary>
    static (string[] Names, JsonNode[] Events) Events(string text)
    {
        string[] names = [.. text.Split('\n').Where(line => line.StartsWith("event: ", StringComparison.Ordinal)).Select(line => line[7..])];
        JsonNode[] events = [.. RunningServer.Events(text).Select(line => JsonNode.Parse(line)!)];
        Assert.Equal(names, events.Select(each => (string)each["type"]!));
        Assert.Equal(Enumerable.Range(0, events.Length), events.Select(each => (int)each["sequence_number"]!));
        return ([.. names.Where((name, i) => i == 0 || name != names[i - 1] || !name.EndsWith(".delta", StringComparison.Ordinal))], events);
    }

    static async Task<string> ReadAsync(RunningServer server, string body)
    {
        using HttpResponseMessage response = await server.PostAsync(Path, body);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        return await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Text_and_limit()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        string text = await ReadAsync(server, """{"input":"What is the capital of Peru?","temperature":0,"stream":true,"max_output_tokens":3}""");
        (string[] names, JsonNode[] events) = Events(text);
        Assert.Equal(
            ["response.created", "response.in_progress", "response.output_item.added", "response.content_part.added", "response.output_text.delta",
            "response.output_text.done", "response.content_part.done", "response.output_item.done", "response.incomplete"], names);
        string id = (string)events[2]["item"]!["id"]!;
        Assert.All(events.Where(each => each["item_id"] is not null), each => Assert.Equal((id, 0, 0), ((string)each["item_id"]!, (int)each["output_index"]!, (int)each["content_index"]!)));
        Assert.Equal(("in_progress", 0), ((string)events[2]["item"]!["status"]!, events[2]["item"]!["content"]!.AsArray().Count));
        Assert.Equal(("output_text", ""), ((string)events[3]["part"]!["type"]!, (string)events[3]["part"]!["text"]!));
        Assert.Equal("in_progress", (string)events[0]["response"]!["status"]!);
        Assert.True(events[0]["response"]!.AsObject().ContainsKey("usage"));
        string said = string.Concat(events.Where(each => (string)each["type"]! == "response.output_text.delta").Select(each => (string)each["delta"]!));
        Assert.Equal(said, (string)events[^4]["text"]!);
        Assert.Equal(said, (string)events[^3]["part"]!["text"]!);
        Assert.Equal("incomplete", (string)events[^2]["item"]!["status"]!);
        JsonNode last = events[^1]["response"]!;
        Assert.Equal(("incomplete", "max_output_tokens", 3), ((string)last["status"]!, (string)last["incomplete_details"]!["reason"]!, (int)last["usage"]!["output_tokens"]!));
        Assert.Equal(events[0]["response"]!["id"]!.ToString(), last["id"]!.ToString());
        Assert.Null(last["completed_at"]);
    }

    [Fact]
    public async Task Calls()
    {
        using var script = new ScriptedModel("""[{"name":"weather","parameters":{"city":"Lima"}},{"name":"weather","parameters":{"city":"Quito"}}]""");
        await using RunningServer server = await RunningServer.StartAsync(script.Model);
        (string[] names, JsonNode[] events) = Events(await ReadAsync(server, $$"""{"input":"Weather?","stream":true,{{Tools}}}"""));
        string[] call = ["response.output_item.added", "response.function_call_arguments.delta", "response.function_call_arguments.done", "response.output_item.done"];
        Assert.Equal(["response.created", "response.in_progress", .. call, .. call, "response.completed"], names);
        for (int i = 0; i < 2; i++)
        {
            JsonNode[] own = [.. events.Where(each => each["output_index"] is JsonNode index && (int)index == i)];
            Assert.Equal(4, own.Length);
            JsonNode added = own[0]["item"]!, done = own[3]["item"]!;
            Assert.Equal(("function_call", "in_progress", ""), ((string)added["type"]!, (string)added["status"]!, (string)added["arguments"]!));
            Assert.Equal((string)added["id"]!, (string)own[1]["item_id"]!);
            Assert.Equal((string)own[2]["arguments"]!, (string)own[1]["delta"]!);
            Assert.Equal(("completed", i == 0 ? """{"city":"Lima"}""" : """{"city":"Quito"}"""), ((string)done["status"]!, (string)done["arguments"]!));
            Assert.StartsWith("fc_", (string)done["id"]!, StringComparison.Ordinal);
            Assert.StartsWith("call_", (string)done["call_id"]!, StringComparison.Ordinal);
        }

        Assert.Equal(2, events[^1]["response"]!["output"]!.AsArray().Count);
    }

    [Fact]
    public async Task What_fails_after_the_beginning_is_an_event_and_the_end()
    {
        using var script = new ScriptedModel();
        await using RunningServer server = await RunningServer.StartAsync(script.Model);
        (string[] names, JsonNode[] events) = Events(await ReadAsync(server, """{"input":"Hello?","stream":true}"""));
        Assert.Equal(["response.created", "response.in_progress", "error", "response.failed"], names);
        Assert.Equal((string)events[^1]["response"]!["error"]!["message"]!, (string)events[^2]["message"]!);
        JsonNode response = events[^1]["response"]!;
        Assert.Equal("failed", (string)response["status"]!);
        Assert.NotEmpty((string)response["error"]!["code"]!);
        Assert.DoesNotContain("   at ", (string)response["error"]!["message"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_is_told_that_it_has_begun_before_there_is_a_token()
    {
        using var script = new ScriptedModel("Hello.");
        using var gate = new ManualResetEventSlim();
        Action<GemmaSharp.Model.Text.TextStep> inner = script.Model.Engine.Forward;
        script.Model.Engine.Forward = step =>
        {
            gate.Wait(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
            inner(step);
        };
        await using RunningServer server = await RunningServer.StartAsync(script.Model);
        using var request = new HttpRequestMessage(HttpMethod.Post, Path)
        {
            Content = new StringContent("""{"input":"Hello?","stream":true}""", System.Text.Encoding.UTF8, "application/json"),
        };
        using HttpResponseMessage response = await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken));
        Assert.Equal("event: response.created", await reader.ReadLineAsync(TestContext.Current.CancellationToken));
        Assert.False(gate.IsSet);
        gate.Set();
        Assert.Contains("response.completed", await reader.ReadToEndAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }
}
