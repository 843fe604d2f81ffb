using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using GemmaSharp.Extensions.AI.Tests;
using GemmaSharp.Server.OpenAI.Responses;

namespace GemmaSharp.Server.Tests.OpenAI;

/// <summary>Responses that are kept, and what names them later.</summary>
public sealed class ResponseStoreTests
{
    const string Path = "/v1/responses";

    static readonly JsonElement s_object = JsonSerializer.SerializeToElement(new Dictionary<string, string>());

    static string Text(JsonNode response) => (string)response["output"]![0]!["content"]![0]!["text"]!;

    static StoredResponse Made(string id, StoredResponse? previous = null, string? tenant = null, string item = "") => new(
        tenant,
        new Response(id, "response", 0, "completed", "m")
        {
            Text = s_object,
            ToolChoice = s_object,
            Tools = s_object,
            Metadata = s_object,
        },
        previous,
        [InputReader.Kept(JsonSerializer.SerializeToElement(new Dictionary<string, string> { ["role"] = "user", ["content"] = item, ["id"] = "in_" + id }))]);

    [Fact]
    public void Store_keeps_the_last_and_what_they_go_on_from()
    {
        var store = new ResponseStore(2);
        StoredResponse a = Made("a"), b = Made("b", a), c = Made("c", b);
        store.Add(a);
        long one = store.Bytes;
        store.Add(b);
        store.Add(c);
        Assert.Null(store.Find("a", null));
        Assert.NotNull(store.Find("b", null));
        Assert.Equal(["in_a", "in_b", "in_c"], store.Find("c", null)!.All.Select(InputReader.IdOf));
        Assert.NotNull(store.FindItem("in_a", null));
        Assert.Equal(3 * one, store.Bytes);
        Assert.True(store.Remove("c", null));
        Assert.False(store.Remove("c", null));
        Assert.Equal(2 * one, store.Bytes);
        Assert.True(store.Remove("b", null));
        Assert.Equal(0, store.Bytes);
        Assert.Null(store.FindItem("in_a", null));

        // What was dropped while another one went on from it is there again with that.
        store.Add(Made("d", b));
        Assert.Equal(3 * one, store.Bytes);
        Assert.NotNull(store.FindItem("in_a", null));
    }

    [Theory]
    [InlineData("""{"type":"message","content":"Hi"}""")]
    [InlineData("""{"type":"message","role":null,"content":"Hi"}""")]
    public async Task Message_to_be_kept_without_a_role_is_refused_by_name(string item)
    {
        await using RunningServer server = await RunningServer.StartAsync(options => options.StoredResponses = 2);
        JsonNode error = await server.AskAsync(Path, $$"""{"input":[{{item}}],"store":true}""", HttpStatusCode.BadRequest);
        Assert.Equal("input[0].role", (string)error["error"]!["param"]!);
    }

    [Fact]
    public void Store_holds_no_more_bytes_than_it_may()
    {
        var store = new ResponseStore(1000, mostBytes: 100_000);
        for (int i = 0; i < 100; i++)
        {
            store.Add(Made("r" + i, item: new string('x', 5000)));
            Assert.InRange(store.Bytes, 1, 100_000);
        }

        Assert.Null(store.Find("r0", null));
        Assert.NotNull(store.Find("r99", null));
        store.Add(Made("huge", item: new string('x', 200_000)));
        Assert.Equal(0, store.Bytes);
    }

    [Fact]
    public void Store_tells_nobody_of_others()
    {
        var store = new ResponseStore(10);
        store.Add(Made("a", tenant: "one"));
        Assert.Null(store.Find("a", "two"));
        Assert.Null(store.Find("a", null));
        Assert.Null(store.FindItem("in_a", "two"));
        Assert.False(store.Remove("a", "two"));
        Assert.NotNull(store.FindItem("in_a", "one"));
    }

    [Fact]
    public async Task Conversation_goes_on_and_instructions_do_not()
    {
        using var script = new ScriptedModel("one", "two", "three");
        await using RunningServer server = await RunningServer.StartAsync(script.Model, options => options.StoredResponses = 10);
        JsonNode first = await server.AskAsync(Path, """{"instructions":"Count, please, and say nothing else.","input":"Begin."}""");
        Assert.True((bool)first["store"]!);
        JsonNode second = await server.AskAsync(Path, $$"""{"previous_response_id":"{{first["id"]}}","input":"Go on."}""");
        Assert.Equal(first["id"]!.ToString(), second["previous_response_id"]!.ToString());
        Assert.Null(second["instructions"]);
        JsonNode third = await server.AskAsync(Path, $$"""{"previous_response_id":"{{second["id"]}}","input":"Go on."}""");
        int tokens = (await script.Model.TokenizeAsync(
            [
                GemmaSharp.ChatMessage.User("Begin."), GemmaSharp.ChatMessage.Assistant("one"), GemmaSharp.ChatMessage.User("Go on."),
                GemmaSharp.ChatMessage.Assistant("two"), GemmaSharp.ChatMessage.User("Go on."),
            ],
            null, TestContext.Current.CancellationToken)).Count;
        Assert.Equal(("three", tokens), (Text(third), (int)third["usage"]!["input_tokens"]!));
    }

    [Fact]
    public async Task Items_are_named_by_their_ids_and_references_never_lead_to_themselves()
    {
        using var script = new ScriptedModel("one", "two", "three");
        await using RunningServer server = await RunningServer.StartAsync(script.Model, options => options.StoredResponses = 10);
        JsonNode first = await server.AskAsync(Path, """{"input":"Begin."}""");
        string id = (string)first["output"]![0]!["id"]!;
        string body = $$"""{"input":[{"role":"user","content":"Begin."},{"type":"item_reference","id":"{{id}}"},{"role":"user","content":"Go on."}]}""";
        JsonNode second = await server.AskAsync(Path, body);
        Assert.Equal("two", Text(second));
        using (HttpResponseMessage deleted = await server.Http.DeleteAsync($"{Path}/{first["id"]}", TestContext.Current.CancellationToken))
        {
            Assert.Equal(HttpStatusCode.OK, deleted.StatusCode);
            JsonNode said = JsonNode.Parse(await deleted.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!;
            Assert.Equal((first["id"]!.ToString(), true), ((string)said["id"]!, (bool)said["deleted"]!));
        }

        // The second has the item itself, not the reference.
        Assert.Equal("three", Text(await server.AskAsync(Path, body.Replace("\"type\":\"item_reference\",", "", StringComparison.Ordinal))));
    }

    [Fact]
    public async Task Input_items_come_in_pages()
    {
        using var script = new ScriptedModel("one", "two");
        await using RunningServer server = await RunningServer.StartAsync(script.Model, options => options.StoredResponses = 10);
        JsonNode first = await server.AskAsync(Path, """{"input":"a"}""");
        JsonNode second = await server.AskAsync(Path, $$"""{"previous_response_id":"{{first["id"]}}","input":[{"role":"user","content":"b"},{"role":"user","content":"c"}]}""");
        string items = $"{Path}/{second["id"]}/input_items";
        JsonNode all = await server.GetAsync(items + "?order=asc");
        Assert.Equal(["a", "one", "b", "c"], all["data"]!.AsArray().Select(item => (string)item!["content"]![0]!["text"]!));
        Assert.Equal(("list", false), ((string)all["object"]!, (bool)all["has_more"]!));
        string[] ids = [.. all["data"]!.AsArray().Select(item => (string)item!["id"]!)];
        Assert.Equal(4, ids.Distinct().Count());
        JsonNode page = await server.GetAsync(items + "?limit=3");
        Assert.Equal(ids.Reverse().Take(3), page["data"]!.AsArray().Select(item => (string)item!["id"]!));
        Assert.Equal((true, ids[3], ids[1]), ((bool)page["has_more"]!, (string)page["first_id"]!, (string)page["last_id"]!));
        JsonNode rest = await server.GetAsync($"{items}?limit=3&after={page["last_id"]}");
        Assert.Equal([ids[0]], rest["data"]!.AsArray().Select(item => (string)item!["id"]!));
        Assert.False((bool)rest["has_more"]!);
        foreach (string query in (string[])["?limit=0", "?limit=x", "?order=up"])
        {
            using HttpResponseMessage response = await server.Http.GetAsync(items + query, TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        }
    }

    [Fact]
    public async Task What_is_not_to_be_kept_is_not_and_nothing_runs_in_the_background()
    {
        using var script = new ScriptedModel("one", "two", "three");
        await using RunningServer server = await RunningServer.StartAsync(script.Model, options => options.StoredResponses = 1);
        JsonNode gone = await server.AskAsync(Path, """{"input":"a","store":false}""");
        Assert.False((bool)gone["store"]!);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Http.GetAsync($"{Path}/{gone["id"]}", TestContext.Current.CancellationToken)).StatusCode);
        JsonNode first = await server.AskAsync(Path, """{"input":"a"}""");
        JsonNode shown = await server.GetAsync($"{Path}/{first["id"]}");
        Assert.True(JsonNode.DeepEquals(first, shown));
        JsonNode error = (await server.AskAsync($"{Path}/{first["id"]}/cancel", "{}", HttpStatusCode.BadRequest))["error"]!;
        Assert.Contains("background", (string)error["message"]!, StringComparison.Ordinal);
        await server.AskAsync($"{Path}/resp_none/cancel", "{}", HttpStatusCode.NotFound);
        Assert.Equal(HttpStatusCode.BadRequest, (await server.Http.GetAsync($"{Path}/{first["id"]}?stream=true", TestContext.Current.CancellationToken)).StatusCode);
        await server.AskAsync(Path, """{"input":"a"}""");
        Assert.Equal(HttpStatusCode.NotFound, (await server.Http.GetAsync($"{Path}/{first["id"]}", TestContext.Current.CancellationToken)).StatusCode);
    }

    [Fact]
    public async Task Streamed_response_can_be_gone_on_from_when_it_is_told_to_be_done()
    {
        using var script = new ScriptedModel("""[{"name":"weather","parameters":{"city":"Lima"}}]""", "Sunny.");
        await using RunningServer server = await RunningServer.StartAsync(script.Model, options => options.StoredResponses = 10);
        const string Tools =
            """
            "tools":[{"type":"function","name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}]
            """;
        IReadOnlyList<JsonNode> events = await server.StreamAsync(Path, $$"""{"input":"Weather?","stream":true,{{Tools}}}""");
        JsonNode response = events[^1]["response"]!;
        string result = $$"""{"type":"function_call_output","call_id":"{{response["output"]![0]!["call_id"]}}","output":[{"type":"input_text","text":"sun"}]}""";
        JsonNode answer = await server.AskAsync(Path, $$"""{"previous_response_id":"{{response["id"]}}","input":[{{result}}],{{Tools}}}""");
        Assert.Equal("Sunny.", Text(answer));
    }
}
