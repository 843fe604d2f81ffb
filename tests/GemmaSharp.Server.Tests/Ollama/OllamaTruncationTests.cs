using System.Net;
using System.Text.Json.Nodes;
using GemmaSharp.Extensions.AI.Tests;
using GemmaSharp.Server.Tests.Clients;
using static GemmaSharp.Server.Tests.Ollama.OllamaRequests;

namespace GemmaSharp.Server.Tests.Ollama;

public sealed class OllamaTruncationTests
{
    const string Url = "/api/chat";

    static string Turn(int number) => $"{User($"Question number {number}?")},{Message("assistant", $"Answer number {number}.")}";

    static string Conversation(string options, string more = "\"stream\":false", string before = "", string last = "The last question?") =>
        $$$"""
        {"model":"gemma-3n-demo","messages":[{{{before}}}{{{string.Join(',', Enumerable.Range(10, 30).Select(Turn))}}},{{{User(last)}}}],
        "options":{"temperature":0,{{{options}}}},{{{more}}}}
        """;

    static async Task<(JsonNode Answer, string Read)> AskAsync(string json)
    {
        using var script = new ScriptedModel("Fine.");
        using var watch = new EngineWatch(script.Model);
        await using RunningServer server = await RunningServer.StartAsync(script.Model);
        JsonNode answer = await server.AskAsync(Url, json);
        return (answer, watch.Text);
    }

    [Fact]
    public async Task Oldest_turns_go_and_instructions_stay()
    {
        (JsonNode answer, string read) = await AskAsync(Conversation("\"num_ctx\":200", before: Message("system", "Be very kind.") + ","));
        Assert.Equal(("Fine.", "stop"), (Said(answer), (string)answer["done_reason"]!));
        Assert.Contains("Be very kind.", read, StringComparison.Ordinal);
        Assert.Contains("The last question?", read, StringComparison.Ordinal);
        Assert.Contains("Answer number 39.", read, StringComparison.Ordinal);
        Assert.DoesNotContain("Question number 10?", read, StringComparison.Ordinal);

        // A question is there with its answer, or neither is.
        Assert.Equal(Numbers(read, "Question number "), Numbers(read, "Answer number "));

        // As many as fit with room for an answer: a quarter of so small a context.
        Assert.InRange((int)answer["prompt_eval_count"]!, 110, 150);
    }

    [Fact]
    public async Task Instructions_in_the_middle_stay_too()
    {
        string middle = $"{Turn(1)},{Message("system", "From now on in French.")},";
        (_, string read) = await AskAsync(Conversation("\"num_ctx\":150", before: middle));
        Assert.Contains("From now on in French.", read, StringComparison.Ordinal);
        Assert.DoesNotContain("Question number 1?", read, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Room_is_for_the_answer_that_was_asked_for_and_none_without_shifting()
    {
        (JsonNode small, _) = await AskAsync(Conversation("\"num_ctx\":200,\"num_predict\":2"));
        (JsonNode unshifted, _) = await AskAsync(Conversation("\"num_ctx\":200", "\"stream\":false,\"shift\":false"));
        Assert.InRange((int)small["prompt_eval_count"]!, 170, 198);
        Assert.InRange((int)unshifted["prompt_eval_count"]!, 170, 199);
    }

    [Fact]
    public async Task Nothing_goes_where_all_fits()
    {
        (JsonNode answer, string read) = await AskAsync(Conversation("\"num_ctx\":4096"));
        Assert.Contains("Question number 10?", read, StringComparison.Ordinal);
        Assert.True((int)answer["prompt_eval_count"]! > 400);
    }

    [Fact]
    public async Task Without_truncation_the_request_is_refused_with_both_numbers()
    {
        await using RunningServer server = await RunningServer.StartAsync(how: new GemmaModelOptions { ContextLength = 128 });
        foreach (string options in (string[])["\"num_ctx\":100", "\"num_ctx\":9999", "\"top_k\":1"])
        {
            JsonNode error = await server.AskAsync(Url, Conversation(options, "\"truncate\":false"), HttpStatusCode.BadRequest);
            Assert.Contains(options.Contains("100", StringComparison.Ordinal) ? "holds 100" : "holds 128", (string)error["error"]!, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Last_question_alone_must_fit()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        string longest = string.Join(' ', Enumerable.Repeat("word", 300));
        JsonNode error = await server.AskAsync(Url, Conversation("\"num_ctx\":100", last: longest), HttpStatusCode.BadRequest);
        Assert.Contains("holds 100", (string)error["error"]!, StringComparison.Ordinal);
        error = await server.AskAsync("/api/generate", $$"""{"model":"gemma-3n-demo","prompt":"{{longest}}","options":{"num_ctx":100} }""", HttpStatusCode.BadRequest);
        Assert.Contains("holds 100", (string)error["error"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Oldest_calls_go_after_the_turns_and_results_stay_with_theirs()
    {
        string calls = string.Join(',', Enumerable.Range(50, 20).Select(i =>
            $$$"""{"role":"assistant","content":"","tool_calls":[{"function":{"name":"look","arguments":{"at":{{{i}}} } } }]},{"role":"tool","tool_name":"look","content":"seen {{{i}}}"}"""));
        string json =
            $$$"""
            {"model":"gemma-3n-demo","messages":[{{{Turn(10)}}},{{{User("Look at all of it.")}}},{{{calls}}}],"stream":false,"options":{"temperature":0,"num_ctx":250}}
            """;
        (JsonNode answer, string read) = await AskAsync(json);
        Assert.Equal("Fine.", Said(answer));
        Assert.Contains("Look at all of it.", read, StringComparison.Ordinal);
        Assert.Contains("seen 69", read, StringComparison.Ordinal);
        Assert.DoesNotContain("Question number 10?", read, StringComparison.Ordinal);
        Assert.DoesNotContain("seen 50", read, StringComparison.Ordinal);
        Assert.Equal(Numbers(read, "seen "), Numbers(read, "\"at\": ", "\"at\":"));
    }

    [Fact]
    public async Task Raw_prompt_keeps_its_end()
    {
        using var script = new ScriptedModel("Fine.");
        using var watch = new EngineWatch(script.Model);
        await using RunningServer server = await RunningServer.StartAsync(script.Model);
        string prompt = string.Join(' ', Enumerable.Range(100, 200).Select(i => $"number {i}"));
        string json = $$"""{"model":"gemma-3n-demo","prompt":"{{prompt}}","raw":true,"stream":false,"options":{"num_ctx":100,"num_predict":10},"truncate":""";
        JsonNode answer = await server.AskAsync("/api/generate", json + "true}");
        Assert.Equal(90, (int)answer["prompt_eval_count"]!);
        Assert.StartsWith("<bos>", watch.Text, StringComparison.Ordinal);
        Assert.Contains("number 299", watch.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("number 100 ", watch.Text, StringComparison.Ordinal);
        await server.AskAsync("/api/generate", json + "false}", HttpStatusCode.BadRequest);
    }

    /// <summary>The numbers of two digits after a text.</summary>
    static IEnumerable<string> Numbers(string text, params string[] after) =>
        after.SelectMany(each => text.Split(each).Skip(1).Select(rest => rest[..2])).Order(StringComparer.Ordinal);
}
