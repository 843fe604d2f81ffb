using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using GemmaSharp.Extensions.AI.Tests;

namespace GemmaSharp.Server.Tests.OpenAI;

/// <summary>The fields of <c>/v1/completions</c>, group by group, as they are on the wire.</summary>
public sealed class CompletionFieldTests
{
    const string Path = "/v1/completions";
    const string Prompt = "<bos><start_of_turn>user\\nWhat is the capital of Peru?<end_of_turn>\\n<start_of_turn>model\\n";

    [Fact]
    public async Task Answer_has_the_old_form()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        JsonObject answer = (await server.AskAsync("/completions", """{"prompt":"The capital of","temperature":0,"best_of":1,"logprobs":null,"suffix":""}""")).AsObject();
        Assert.StartsWith("cmpl-", (string)answer["id"]!, StringComparison.Ordinal);
        Assert.Equal(("text_completion", "gemma-3n-demo"), ((string)answer["object"]!, (string)answer["model"]!));
        JsonObject choice = answer["choices"]!.AsArray().Single()!.AsObject();
        Assert.Equal(["finish_reason", "index", "logprobs", "text"], choice.Select(pair => pair.Key).Order());
        Assert.Null(choice["logprobs"]);
        JsonNode usage = answer["usage"]!;
        Assert.InRange((int)usage["completion_tokens"]!, 1, 16);
        Assert.Equal((int)usage["total_tokens"]!, (int)usage["prompt_tokens"]! + (int)usage["completion_tokens"]!);
        int ids = server.Model.Tokenizer.EncodeToIds("The capital of").Length;
        Assert.Equal(ids + 1, (int)usage["prompt_tokens"]!);
    }

    [Fact]
    public async Task Ids_are_answered_as_they_are_and_spelled_controls_are_text()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        JsonArray ids = (await server.AskAsync("/tokenize", $$"""{"content":"{{Prompt}}","parse_special":true}"""))["tokens"]!.AsArray();
        JsonNode turn = await server.AskAsync(Path, $$"""{"prompt":{{ids.ToJsonString()}},"temperature":0,"max_tokens":20}""");
        Assert.Equal(("The capital of Peru is Lima.", "stop"), ((string)turn["choices"]![0]!["text"]!, (string)turn["choices"]![0]!["finish_reason"]!));

        // The bos that is there is not put there again, and one that is spelled is none.
        Assert.Equal(ids.Count, (int)turn["usage"]!["prompt_tokens"]!);
        JsonNode nested = await server.AskAsync(Path, $$"""{"prompt":[{{ids.ToJsonString()}},[]],"temperature":0,"max_tokens":20}""");
        Assert.Equal((string)turn["choices"]![0]!["text"]!, (string)nested["choices"]![0]!["text"]!);
        JsonNode spelled = await server.AskAsync(Path, $$"""{"prompt":"{{Prompt}}","temperature":0,"max_tokens":1}""");
        Assert.True((int)spelled["usage"]!["prompt_tokens"]! > ids.Count + 10);
    }

    [Fact]
    public async Task Echo_is_the_prompt_to_the_character()
    {
        using var script = new ScriptedModel("one", "two", "three", "four", "five", "six", "seven", "eight");
        await using RunningServer server = await RunningServer.StartAsync(script.Model);
        const string Odd = "a ▁b\\t\\u0000 <end_of_turn>é";
        JsonNode whole = await server.AskAsync(Path, $$"""{"prompt":["{{Odd}}","x"],"echo":true,"n":2}""");
        string odd = JsonSerializer.Deserialize<string>($"\"{Odd}\"")!;
        string[] texts = [.. whole["choices"]!.AsArray().Select(choice => (string)choice!["text"]!)];
        Assert.All(texts[..2], text => Assert.StartsWith(odd, text, StringComparison.Ordinal));
        Assert.All(texts[2..], text => Assert.StartsWith("x", text, StringComparison.Ordinal));
        Assert.Equal(["four", "one", "three", "two"], texts.Select((text, i) => i < 2 ? text[odd.Length..] : text[1..]).Order());
        IReadOnlyList<JsonNode> chunks = await server.StreamAsync(Path, $$"""{"prompt":["{{Odd}}","x"],"echo":true,"n":2,"stream":true}""");
        for (int i = 0; i < 4; i++)
        {
            JsonNode[] own = [.. chunks.Select(chunk => chunk["choices"]![0]!).Where(choice => (int)choice["index"]! == i)];
            Assert.StartsWith(i < 2 ? odd : "x", string.Concat(own.Select(choice => (string)choice["text"]!)), StringComparison.Ordinal);
            Assert.Equal("stop", (string)own[^1]["finish_reason"]!);
            Assert.All(own[..^1], choice => Assert.Null(choice["finish_reason"]));
        }

        Assert.Single(chunks.Select(chunk => (string)chunk["id"]!).Distinct());
        Assert.All(chunks, chunk => Assert.False(chunk.AsObject().ContainsKey("usage")));
    }

    [Fact]
    public async Task Probabilities_are_four_lists_whose_offsets_count_characters()
    {
        using var script = new ScriptedModel("a 😀 b é", "a 😀 b é");
        await using RunningServer server = await RunningServer.StartAsync(script.Model);
        JsonNode choice = (await server.AskAsync(Path, """{"prompt":"x","logprobs":1,"max_tokens":50}"""))["choices"]![0]!;
        JsonNode lists = choice["logprobs"]!;
        Assert.Equal(["text_offset", "token_logprobs", "tokens", "top_logprobs"], lists.AsObject().Select(pair => pair.Key).Order());
        string[] tokens = [.. lists["tokens"]!.AsArray().Select(each => (string)each!)];
        int[] offsets = [.. lists["text_offset"]!.AsArray().Select(each => (int)each!)];
        Assert.Equal(tokens.Length, offsets.Length);
        Assert.Equal(tokens.Length, lists["token_logprobs"]!.AsArray().Count);
        Rune[] text = [.. ((string)choice["text"]!).EnumerateRunes()];
        Assert.Equal(0, offsets[0]);
        Assert.Equal(offsets, offsets.Order());
        int b = Array.FindIndex(tokens, token => token.Trim() == "b");
        Assert.Equal(tokens[b], string.Concat(text[offsets[b]..].Take(tokens[b].Length)));

        // The token itself is there even where no others are asked for.
        JsonNode none = (await server.AskAsync(Path, """{"prompt":"x","logprobs":0,"max_tokens":50}"""))["choices"]![0]!["logprobs"]!;
        Assert.All(none["top_logprobs"]!.AsArray().Zip(none["tokens"]!.AsArray()), pair => Assert.Equal((string)pair.Second!, pair.First!.AsObject().Single().Key));
    }

    [Fact]
    public async Task Sampling_stops_and_forms_are_those_of_chat()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        JsonNode a = await server.AskAsync(Path, """{"prompt":"The","temperature":1.5,"seed":-7,"max_tokens":12,"top_p":0.9,"top_k":20,"presence_penalty":0.5}""");
        JsonNode b = await server.AskAsync(Path, """{"prompt":"The","temperature":1.5,"seed":-7,"max_tokens":12,"top_p":0.9,"top_k":20,"presence_penalty":0.5}""");
        Assert.Equal((string)a["choices"]![0]!["text"]!, (string)b["choices"]![0]!["text"]!);
        JsonNode form = await server.AskAsync(Path, """{"prompt":"Answer: ","max_tokens":20,"guided_choice":["yes","no"]}""");
        Assert.Contains((string)form["choices"]![0]!["text"]!, (string[])["yes", "no"]);
        JsonNode json = await server.AskAsync(
            Path, """{"prompt":"x","max_tokens":40,"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{"enum":[1,2]}}}}""");
        Assert.Contains((string)json["choices"]![0]!["text"]!, (string[])["1", "2"]);
        using var script = new ScriptedModel("one two three");
        await using RunningServer scripted = await RunningServer.StartAsync(script.Model);
        JsonNode stopped = await scripted.AskAsync(Path, """{"prompt":"x","stop":[" three",""]}""");
        Assert.Equal(("one two", "stop"), ((string)stopped["choices"]![0]!["text"]!, (string)stopped["choices"]![0]!["finish_reason"]!));
    }

    [Fact]
    public async Task Stream_counts_at_its_end_and_tells_failures()
    {
        using var script = new ScriptedModel("one", "two");
        await using RunningServer server = await RunningServer.StartAsync(script.Model);
        using HttpResponseMessage response = await server.PostAsync(Path, """{"prompt":["a","b"],"stream":true,"stream_options":{"include_usage":true}}""");
        string[] data = [.. RunningServer.Events(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))];
        Assert.Equal("[DONE]", data[^1]);
        JsonNode usage = JsonNode.Parse(data[^2])!;
        Assert.Empty(usage["choices"]!.AsArray());
        Assert.Equal(2 * 2, (int)usage["usage"]!["prompt_tokens"]!);
        Assert.All(data[..^2], chunk => Assert.True(JsonNode.Parse(chunk)!.AsObject().ContainsKey("usage")));

        // Nothing is left to say, so this fails on its way.
        using HttpResponseMessage failed = await server.PostAsync(Path, """{"prompt":"a","stream":true}""");
        string[] told = [.. RunningServer.Events(await failed.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))];
        Assert.Equal(["code", "message", "param", "type"], JsonNode.Parse(told[^1])!["error"]!.AsObject().Select(pair => pair.Key).Order());
        await server.AskAsync(Path, """{"prompt":"a"}""", HttpStatusCode.InternalServerError);
    }

    [Theory]
    [InlineData("""{"prompt":["a\ud800"]}""", null, "invalid_value")]
    [InlineData("""{"prompt":"\ud800"}""", null, "invalid_value")]
    [InlineData("""{"prompt":["a","b","c","d","e","f","g","h","i"],"n":8}""", "n", "invalid_value")]
    [InlineData("""{"prompt":"x","n":9}""", "n", "invalid_value")]
    [InlineData("""{"prompt":"x","n":2,"best_of":3}""", "best_of", "unsupported_value")]
    [InlineData("""{"prompt":"x","logprobs":6}""", "logprobs", "invalid_value")]
    [InlineData("""{"prompt":"x","max_tokens":0}""", "max_tokens", "invalid_value")]
    [InlineData("""{"prompt":{}}""", "prompt", "invalid_value")]
    [InlineData("""{"prompt":[[1],"a"]}""", "prompt[1]", "invalid_value")]
    [InlineData("""{"prompt":[[1.5]]}""", "prompt[0]", "invalid_value")]
    [InlineData("""{"prompt":[-1]}""", "prompt[0]", "invalid_value")]
    [InlineData("""{"prompt":"x","suffix":"y"}""", "suffix", "unsupported_value")]
    [InlineData("""{"prompt":"x","echo":true,"logprobs":true}""", "echo", "unsupported_value")]
    public async Task Wrong_fields_are_refused_by_name_and_code(string body, string? param, string code)
    {
        await using RunningServer server = await RunningServer.StartAsync();
        JsonNode error = (await server.AskAsync(Path, body, HttpStatusCode.BadRequest))["error"]!;
        Assert.Equal((param, code), ((string?)error["param"], (string)error["code"]!));
    }

    [Fact]
    public async Task Prompt_beyond_the_context_is_refused_by_name()
    {
        await using RunningServer server = await RunningServer.StartAsync(how: new GemmaModelOptions { ContextLength = 32 });
        string ids = string.Join(',', Enumerable.Repeat(100, 40));
        JsonNode error = (await server.AskAsync(Path, $$"""{"prompt":[{{ids}}]}""", HttpStatusCode.BadRequest))["error"]!;
        Assert.Equal(("prompt", "context_length_exceeded"), ((string)error["param"]!, (string)error["code"]!));
    }

    [Fact]
    public async Task Abandoned_stream_frees_the_engine()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, Path)
        {
            Content = new StringContent("""{"prompt":["a","b"],"n":4,"ignore_eos":true,"max_tokens":20000,"stream":true}""", Encoding.UTF8, "application/json"),
        };
        using (HttpResponseMessage response = await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken))
        {
            using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken));
            Assert.NotNull(await reader.ReadLineAsync(TestContext.Current.CancellationToken));
            await RunningServer.BecomesAsync(() => server.Model.ActiveAnswers == 4);
        }

        await RunningServer.BecomesAsync(() => server.Model.ActiveAnswers == 0);
    }
}
