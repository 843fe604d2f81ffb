using System.Net;
using System.Text.Json.Nodes;

namespace GemmaSharp.Server.Tests;

public sealed class CompletionTests
{
    const string Path = "/v1/completions";

    [Fact]
    public async Task Prompts_times_n_are_numbered_through()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        JsonNode answer = await server.AskAsync(Path, """{"prompt":["One two three","The capital"],"n":2,"max_tokens":4,"temperature":0,"echo":true}""");
        JsonArray choices = answer["choices"]!.AsArray();
        Assert.Equal([0, 1, 2, 3], choices.Select(choice => (int)choice!["index"]!));
        Assert.StartsWith("One two three", (string)choices[1]!["text"]!, StringComparison.Ordinal);
        Assert.StartsWith("The capital", (string)choices[2]!["text"]!, StringComparison.Ordinal);
        Assert.Equal((string)choices[2]!["text"]!, (string)choices[3]!["text"]!);
        Assert.Equal("text_completion", (string)answer["object"]!);
    }

    [Fact]
    public async Task Ids_are_as_good_as_their_text()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        JsonNode ids = (await server.AskAsync("/tokenize", """{"content":"The capital of"}"""))["tokens"]!;
        const string More = "\"max_tokens\":6,\"temperature\":0,\"logprobs\":2";
        JsonNode text = await server.AskAsync(Path, $$"""{"prompt":"The capital of",{{More}}}""");
        JsonNode same = await server.AskAsync(Path, $$"""{"prompt":{{ids.ToJsonString()}},{{More}}}""");
        Assert.Equal((string)text["choices"]![0]!["text"]!, (string)same["choices"]![0]!["text"]!);
        JsonNode logprobs = text["choices"]![0]!["logprobs"]!;
        int count = logprobs["tokens"]!.AsArray().Count;
        Assert.True(count > 0);
        Assert.Equal(count, logprobs["token_logprobs"]!.AsArray().Count);
        Assert.All(logprobs["top_logprobs"]!.AsArray(), top => Assert.Equal(2, top!.AsObject().Count));
        Assert.Equal(0, (int)logprobs["text_offset"]![0]!);
    }

    [Fact]
    public async Task Stream_is_the_whole_in_pieces()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        const string Body = """{"prompt":"The capital of","max_tokens":8,"temperature":0,"stop":["never"]""";
        JsonNode whole = await server.AskAsync(Path, Body + "}");
        IReadOnlyList<JsonNode> chunks = await server.StreamAsync(Path, Body + ""","stream":true,"stream_options":{"include_usage":true}}""");
        Assert.Equal((string)whole["choices"]![0]!["text"]!, string.Concat(chunks.SkipLast(1).Select(chunk => (string)chunk["choices"]![0]!["text"]!)));
        Assert.Equal(whole["usage"]!["total_tokens"]!.ToString(), chunks[^1]["usage"]!["total_tokens"]!.ToString());
    }

    [Theory]
    [InlineData("""{"prompt":"x","suffix":"y"}""", "suffix")]
    [InlineData("""{"prompt":"x","best_of":3}""", "best_of")]
    [InlineData("""{"prompt":"x","echo":true,"logprobs":1}""", "echo")]
    [InlineData("""{"prompt":[]}""", "prompt")]
    [InlineData("""{"prompt":[99999999]}""", "prompt[0]")]
    [InlineData("""{"prompt":[[99999999]]}""", "prompt")]
    [InlineData("""{"prompt":["a",1]}""", "prompt[1]")]
    [InlineData("""{}""", "prompt")]
    public async Task What_cannot_be_done_is_refused_by_its_name(string body, string param)
    {
        await using RunningServer server = await RunningServer.StartAsync();
        Assert.Equal(param, (string)(await server.AskAsync(Path, body, HttpStatusCode.BadRequest))["error"]!["param"]!);
    }
}
