using System.Net;
using System.Text.Json.Nodes;
using GemmaSharp.Extensions.AI.Tests;

namespace GemmaSharp.Server.Tests;

public sealed class OllamaTests
{
    const string Tool =
        """
        "tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}]
        """;

    static string Chat(string content, string more) =>
        $$$"""{"model":"gemma-3n-demo:latest","messages":[{"role":"user","content":"{{{content}}}"}],"options":{"temperature":0},{{{more}}}}""";

    static async Task<JsonNode[]> Lines(RunningServer server, string path, string json)
    {
        using HttpResponseMessage response = await server.PostAsync(path, json);
        string text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(response.StatusCode == HttpStatusCode.OK, text);
        Assert.Equal("application/x-ndjson", response.Content.Headers.ContentType!.ToString());
        return [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!)];
    }

    [Fact]
    public async Task Chat_streams_lines_unless_told_otherwise()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        JsonNode[] lines = await Lines(server, "/api/chat", Chat("What is the capital of Peru?", "\"keep_alive\":\"5m\""));
        Assert.Equal("The capital of Peru is Lima.", string.Concat(lines.Select(line => (string)line["message"]!["content"]!)));
        Assert.All(lines.SkipLast(1), line => Assert.False((bool)line["done"]!));
        JsonNode last = lines[^1];
        Assert.True((bool)last["done"]!);
        Assert.Equal("stop", (string)last["done_reason"]!);
        Assert.Equal("", (string)last["message"]!["content"]!);
        Assert.True((long)last["total_duration"]! > 0 && (int)last["prompt_eval_count"]! > 0 && (int)last["eval_count"]! > 0);
        Assert.Equal("gemma-3n-demo:latest", (string)last["model"]!);

        JsonNode whole = await server.AskAsync("/api/chat", Chat("What is the capital of Peru?", "\"stream\":false"));
        Assert.Equal("The capital of Peru is Lima.", (string)whole["message"]!["content"]!);
        Assert.True((bool)whole["done"]!);
    }

    [Fact]
    public async Task Generate_answers_prompts_and_goes_on_with_raw_ones()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        JsonNode answer = await server.AskAsync(
            "/api/generate", """{"model":"gemma-3n-demo","prompt":"What is the capital of Peru?","stream":false,"options":{"temperature":0},"system":""}""");
        Assert.Equal("The capital of Peru is Lima.", (string)answer["response"]!);
        Assert.Empty(answer["context"]!.AsArray());
        JsonNode raw = await server.AskAsync(
            "/api/generate",
            """
            {"model":"gemma-3n-demo","prompt":"<start_of_turn>user\nWhat is the capital of Peru?<end_of_turn>\n<start_of_turn>model\n","raw":true,"stream":false,
            "options":{"temperature":0}}
            """);
        Assert.Equal("The capital of Peru is Lima.", (string)raw["response"]!);
    }

    [Theory]
    [InlineData("", "load")]
    [InlineData("\"keep_alive\":0,", "unload")]
    [InlineData("\"keep_alive\":\"0s\",", "unload")]
    public async Task Nothing_asked_loads_or_unloads(string field, string reason)
    {
        await using RunningServer server = await RunningServer.StartAsync();
        JsonNode chat = await server.AskAsync("/api/chat", $$"""{{{field}}"model":"gemma-3n-demo","messages":[]}""");
        Assert.Equal((reason, true), ((string)chat["done_reason"]!, (bool)chat["done"]!));
        JsonNode generate = await server.AskAsync("/api/generate", $$"""{{{field}}"model":"gemma-3n-demo"}""");
        Assert.Equal(reason, (string)generate["done_reason"]!);
    }

    [Fact]
    public async Task Limit_ends_with_length()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        JsonNode answer = await server.AskAsync(
            "/api/chat",
            """
            {"model":"gemma-3n-demo","messages":[{"role":"user","content":"What is the capital of Peru?"}],"stream":false,
            "options":{"num_predict":3,"temperature":0,"mirostat":1}}
            """);
        Assert.Equal("length", (string)answer["done_reason"]!);
        Assert.Equal(3, (int)answer["eval_count"]!);
    }

    [Fact]
    public async Task Format_is_a_schema_or_json_or_none()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        JsonNode schema = await server.AskAsync(
            "/api/chat",
            Chat("Capital?", """ "stream":false,"format":{"type":"object","properties":{"capital":{"enum":["Lima","Quito"]}},"required":["capital"]} """));
        Assert.Contains((string)JsonNode.Parse((string)schema["message"]!["content"]!)!["capital"]!, (string[])["Lima", "Quito"]);
        JsonNode none = await server.AskAsync("/api/chat", Chat("What is the capital of Peru?", "\"stream\":false,\"format\":\"\""));
        Assert.Equal("The capital of Peru is Lima.", (string)none["message"]!["content"]!);
        await server.AskAsync("/api/chat", Chat("x", "\"stream\":false,\"format\":\"xml\""), HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Calls_have_objects_and_results_find_their_calls()
    {
        using var script = new ScriptedModel("""[{"name":"weather","parameters":{"city":"Lima"}}]""", "It is sunny.");
        await using RunningServer server = await RunningServer.StartAsync(script.Model);
        JsonNode call = await server.AskAsync("/api/chat", Chat("Weather in Lima?", "\"stream\":false," + Tool));
        Assert.Equal("stop", (string)call["done_reason"]!);
        JsonNode function = call["message"]!["tool_calls"]![0]!["function"]!;
        Assert.Equal("weather", (string)function["name"]!);
        Assert.Equal("Lima", (string)function["arguments"]!["city"]!);
        JsonNode answer = await server.AskAsync(
            "/api/chat",
            $$"""
            {"model":"gemma-3n-demo","stream":false,"messages":[{"role":"user","content":"Weather in Lima?"},
            {"role":"assistant","content":"","tool_calls":[{"function":{{function.ToJsonString()}}}]},
            {"role":"tool","tool_name":"weather","content":"sunny"}],{{Tool}}}
            """);
        Assert.Equal("It is sunny.", (string)answer["message"]!["content"]!);
    }

    [Theory]
    [InlineData("image-00.png", "Describe this image.")]
    [InlineData("audio-00.wav", "Transcribe this audio.")]
    public async Task Images_are_pictures_or_sounds(string file, string question)
    {
        await using RunningServer server = await RunningServer.StartAsync();
        string data = Convert.ToBase64String(await File.ReadAllBytesAsync(Demo.Golden(file), TestContext.Current.CancellationToken));
        JsonNode chat = await server.AskAsync(
            "/api/chat",
            $$"""{"model":"gemma-3n-demo","stream":false,"options":{"temperature":0},"messages":[{"role":"user","content":"{{question}}","images":["{{data}}"]}]}""");
        JsonNode generate = await server.AskAsync(
            "/api/generate", $$"""{"model":"gemma-3n-demo","stream":false,"options":{"temperature":0},"prompt":"{{question}}","images":["{{data}}"]}""");
        Assert.True(((string)chat["message"]!["content"]!).Length > 3);
        Assert.Equal((string)chat["message"]!["content"]!, (string)generate["response"]!);
    }

    [Fact]
    public async Task Models_are_described()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        JsonNode tag = (await server.GetAsync("/api/tags"))["models"]![0]!;
        Assert.Equal("gemma-3n-demo", (string)tag["name"]!);
        Assert.Equal("gemma3n", (string)tag["details"]!["family"]!);
        Assert.Equal("BF16", (string)tag["details"]!["quantization_level"]!);
        Assert.Equal(64, ((string)tag["digest"]!).Length);
        JsonNode show = await server.AskAsync("/api/show", """{"name":"gemma-3n-demo:latest"}""");
        Assert.Equal(["completion", "tools", "vision", "audio"], show["capabilities"]!.AsArray().Select(each => (string)each!));
        Assert.Equal("gemma3n", (string)show["model_info"]!["general.architecture"]!);
        Assert.Equal(4096, (int)show["model_info"]!["gemma3n.context_length"]!);
        Assert.Single((await server.GetAsync("/api/ps"))["models"]!.AsArray());
        Assert.True(Version.Parse((string)(await server.GetAsync("/api/version"))["version"]!) >= new Version(0, 6, 4));
    }

    [Fact]
    public async Task Errors_are_one_sentence()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        JsonNode missing = await server.AskAsync("/api/chat", """{"model":"gpt-9","messages":[]}""", HttpStatusCode.NotFound);
        Assert.StartsWith("model 'gpt-9' not found", (string)missing["error"]!, StringComparison.Ordinal);
        await server.AskAsync("/api/chat", """{"messages":[]}""", HttpStatusCode.BadRequest);
        await server.AskAsync("/api/chat", Chat("x", "\"options\":{\"num_predict\":\"many\"}"), HttpStatusCode.BadRequest);
        await server.AskAsync("/api/pull", """{"model":"x"}""", HttpStatusCode.Forbidden);
        Assert.Contains("embeddings", (string)(await server.AskAsync("/api/embed", "{}", HttpStatusCode.BadRequest))["error"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Long_conversations_lose_their_oldest_turns_or_are_refused()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        string turns = string.Join(
            ',', Enumerable.Range(0, 40).Select(_ => """{"role":"user","content":"What is the capital of Chile?"},{"role":"assistant","content":"Santiago."}"""));
        string body = $$"""
            {"model":"gemma-3n-demo","stream":false,"messages":[{{turns}},{"role":"user","content":"What is the capital of Peru?"}],
            "options":{"temperature":0,"num_ctx":100}
            """;
        JsonNode answer = await server.AskAsync("/api/chat", body + "}");
        Assert.Equal("The capital of Peru is Lima.", (string)answer["message"]!["content"]!);
        Assert.InRange((int)answer["prompt_eval_count"]!, 60, 99);
        await server.AskAsync("/api/chat", body + ",\"truncate\":false}", HttpStatusCode.BadRequest);
    }
}
