using System.Net;
using System.Text.Json.Nodes;
using GemmaSharp.Extensions.AI.Tests;
using GemmaSharp.Server.Tests.Security;
using static GemmaSharp.Server.Tests.Ollama.OllamaRequests;

namespace GemmaSharp.Server.Tests.Ollama;

public sealed class OllamaGenerateTests(SharedServer shared) : IClassFixture<SharedServer>
{
    const string Url = "/api/generate";

    readonly RunningServer _server = shared.Server;

    [Fact]
    public async Task Stream_has_responses_and_a_context_at_its_end()
    {
        JsonNode[] lines = await LinesAsync(_server, Url, Generate(Capital, more: ""));
        Assert.Equal(Lima, string.Concat(lines.Select(line => (string)line["response"]!)));
        Assert.All(lines.SkipLast(1), line => Assert.False((bool)line["done"]! || line.AsObject().ContainsKey("context") || line.AsObject().ContainsKey("message")));
        Assert.Empty(lines[^1]["context"]!.AsArray());
        Assert.Equal(("stop", ""), ((string)lines[^1]["done_reason"]!, (string)lines[^1]["response"]!));
    }

    [Fact]
    public async Task System_is_an_instruction_and_others_have_no_effect()
    {
        JsonNode plain = await _server.AskAsync(Url, Generate(Capital));
        JsonNode others = await _server.AskAsync(
            Url, Generate(Capital, """ "stream":false,"template":"{{ .Prompt }}!","context":[1,2,3],"system":"","suffix":"","think":false,"raw":false,"images":[] """));
        Assert.Equal((Lima, (int)plain["prompt_eval_count"]!), ((string)others["response"]!, (int)others["prompt_eval_count"]!));
        JsonNode told = await _server.AskAsync(Url, Generate(Capital, """ "stream":false,"system":"Be brief." """));
        Assert.True((int)told["prompt_eval_count"]! > (int)plain["prompt_eval_count"]!);
    }

    [Fact]
    public async Task Raw_prompt_is_gone_on_with_as_it_is()
    {
        string turn = $"<start_of_turn>user\n{Capital}<end_of_turn>\n<start_of_turn>model\n";
        JsonNode raw = await _server.AskAsync(Url, Generate(turn + "The capital", """ "stream":false,"raw":true """));
        Assert.Equal(" of Peru is Lima.", (string)raw["response"]!);

        // Control tokens written out are control tokens, and one that begins is not doubled.
        JsonNode templated = await _server.AskAsync(Url, Generate(Capital)), written = await _server.AskAsync(Url, Generate("<bos>" + turn, """ "stream":false,"raw":true """));
        Assert.Equal((int)templated["prompt_eval_count"]!, (int)written["prompt_eval_count"]!);
        Assert.Equal(Lima, (string)written["response"]!);
    }

    [Theory]
    [InlineData("\"suffix\":\"}\"", "suffix")]
    [InlineData("\"raw\":true,\"system\":\"x\"", "system")]
    [InlineData("\"raw\":true,\"template\":\"x\"", "template")]
    [InlineData("\"raw\":\"yes\"", "raw")]
    [InlineData("\"images\":[\"AAAA\"]", "images[0]")]
    [InlineData("\"format\":\"xml\"", "format")]
    [InlineData("\"format\":7", "format")]
    [InlineData("\"format\":{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#/nowhere\"}}}", "format")]
    public async Task What_cannot_be_done_is_refused_by_its_name(string fields, string path)
    {
        JsonNode error = await _server.AskAsync(Url, Generate("x", fields), HttpStatusCode.BadRequest);
        Assert.Contains(path, (string)error["error"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Picture_is_seen_with_a_prompt_without_one_and_never_raw()
    {
        string image = Convert.ToBase64String(await File.ReadAllBytesAsync(Demo.Golden("image-00.png"), TestContext.Current.CancellationToken));
        JsonNode seen = await _server.AskAsync(Url, Generate("Describe this image.", $$""" "stream":false,"images":["{{image}}"] """));
        JsonNode blind = await _server.AskAsync(Url, Generate("Describe this image."));
        Assert.True((int)seen["prompt_eval_count"]! > (int)blind["prompt_eval_count"]! + 10);
        JsonNode alone = await _server.AskAsync(Url, Generate("", $$""" "stream":false,"images":["{{image}}"] """));
        Assert.Contains((string)alone["done_reason"]!, (string[])["stop", "length"]);
        JsonNode raw = await _server.AskAsync(Url, Generate("Describe", $$""" "raw":true,"images":["{{image}}"] """), HttpStatusCode.BadRequest);
        Assert.Contains("raw", (string)raw["error"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Format_binds_the_response()
    {
        JsonNode schema = await _server.AskAsync(
            Url, Generate(Capital, """ "stream":false,"format":{"type":"object","properties":{"capital":{"enum":["Lima","Quito"]}},"required":["capital"]} """));
        Assert.Contains((string)JsonNode.Parse((string)schema["response"]!)!["capital"]!, (string[])["Lima", "Quito"]);
        using var script = new ScriptedModel("""{"capital":["Lima",{"a":1}]}""");
        await using RunningServer scripted = await RunningServer.StartAsync(script.Model);
        JsonNode json = await scripted.AskAsync(Url, Generate(Capital, """ "stream":false,"format":"json" """));
        Assert.Equal(1, (int)JsonNode.Parse((string)json["response"]!)!["capital"]![1]!["a"]!);
    }

    [Theory]
    [InlineData("\"keep_alive\":0", "unload")]
    [InlineData("\"keep_alive\":0.0", "unload")]
    [InlineData("\"keep_alive\":\"0\"", "unload")]
    [InlineData("\"keep_alive\":\"0h0m0s\"", "unload")]
    [InlineData("\"keep_alive\":-1", "load")]
    [InlineData("\"keep_alive\":300", "load")]
    [InlineData("\"keep_alive\":\"-1\"", "load")]
    [InlineData("\"keep_alive\":\"-1m\"", "load")]
    [InlineData("\"keep_alive\":\"1h30m\"", "load")]
    [InlineData("\"keep_alive\":\"1.5h\"", "load")]
    [InlineData("\"keep_alive\":\".5s\"", "load")]
    [InlineData("\"keep_alive\":\"200ms\"", "load")]
    [InlineData("\"keep_alive\":null", "load")]
    public async Task Without_a_prompt_nothing_is_said(string field, string reason)
    {
        JsonNode answer = await _server.AskAsync(Url, $$"""{"model":"gemma-3n-demo","prompt":"",{{field}}}""");
        Assert.Equal(("", reason, true), ((string)answer["response"]!, (string)answer["done_reason"]!, (bool)answer["done"]!));

        // It has stayed all the same.
        Assert.Single((await _server.GetAsync("/api/ps"))["models"]!.AsArray());
    }

    [Theory]
    [InlineData("\"5x\"")]
    [InlineData("\"m5\"")]
    [InlineData("\"5m \"")]
    [InlineData("\"\"")]
    [InlineData("\"5m5\"")]
    [InlineData("\"for ever\"")]
    [InlineData("\"111111111111111111111111111111111111s\"")]
    [InlineData("true")]
    [InlineData("{}")]
    public async Task Time_to_stay_must_be_one(string value)
    {
        JsonNode error = await _server.AskAsync(Url, $$"""{"model":"gemma-3n-demo","keep_alive":{{value}}}""", HttpStatusCode.BadRequest);
        Assert.StartsWith("keep_alive is ", (string)error["error"]!, StringComparison.Ordinal);
    }
}
