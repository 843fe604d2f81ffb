using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using GemmaSharp.Extensions.AI.Tests;
using GemmaSharp.Server.Tests.Security;
using static GemmaSharp.Server.Tests.Ollama.OllamaRequests;

namespace GemmaSharp.Server.Tests.Ollama;

public sealed class OllamaChatTests(SharedServer shared) : IClassFixture<SharedServer>
{
    const string Url = "/api/chat";

    readonly RunningServer _server = shared.Server;

    [Fact]
    public async Task Lines_of_a_stream_have_their_fields_alone()
    {
        JsonNode[] lines = await LinesAsync(_server, Url, Chat(User(Capital), more: ""));
        Assert.True(lines.Length > 3);
        Assert.All(lines.SkipLast(1), line => Assert.Equal(["model", "created_at", "done", "message"], Names(line).OrderBy(Order)));
        Assert.All(lines, line => Assert.Equal(["role", "content"], Names(line["message"]!)));
        Assert.All(lines.SkipLast(1), line => Assert.NotEqual("", Said(line)));
        JsonNode last = lines[^1];
        Assert.Equal(
            [
                "created_at", "done", "done_reason", "eval_count", "eval_duration", "load_duration", "message", "model", "prompt_eval_cached_count", "prompt_eval_count",
                "prompt_eval_duration", "total_duration",
            ],
            Names(last).Order(StringComparer.Ordinal));
        Assert.Equal(("", "stop", true), (Said(last), (string)last["done_reason"]!, (bool)last["done"]!));
        Assert.Equal(Lima, string.Concat(lines.Select(Said)));

        static int Order(string name) => Array.IndexOf(["model", "created_at", "done", "message"], name);
    }

    [Fact]
    public async Task Times_are_nanoseconds_and_moments_are_of_the_zero_zone()
    {
        DateTimeOffset before = DateTimeOffset.UtcNow;
        JsonNode answer = await _server.AskAsync(Url, Chat(User(Capital)));
        string created = (string)answer["created_at"]!;
        Assert.EndsWith("Z", created, StringComparison.Ordinal);
        Assert.InRange(DateTimeOffset.Parse(created, CultureInfo.InvariantCulture), before, DateTimeOffset.UtcNow);
        long total = (long)answer["total_duration"]!, parts = (long)answer["load_duration"]! + (long)answer["prompt_eval_duration"]! + (long)answer["eval_duration"]!;
        Assert.Equal(total, parts);
        Assert.InRange(total, 10_000, (long)(DateTimeOffset.UtcNow - before).TotalNanoseconds);
    }

    [Fact]
    public async Task Nulls_and_what_has_no_effect_do_no_harm()
    {
        JsonNode answer = await _server.AskAsync(
            Url,
            Chat(
                User(Capital),
                """
                "stream":false,"format":null,"tools":null,"keep_alive":null,"think":"high","truncate":null,"shift":null,"logprobs":null,"top_logprobs":null,"x":{"y":[]}
                """));
        Assert.Equal(Lima, Said(answer));
    }

    [Theory]
    [InlineData("gemma-3n-demo")]
    [InlineData("gemma-3n-demo:latest")]
    [InlineData("Gemma-3n-Demo:LATEST")]
    public async Task Model_is_called_as_it_was(string name)
    {
        JsonNode answer = await _server.AskAsync(Url, Chat(User(Capital)).Replace("gemma-3n-demo", name, StringComparison.Ordinal));
        Assert.Equal((name, Lima), ((string)answer["model"]!, Said(answer)));
    }

    [Fact]
    public async Task Last_message_of_the_assistant_is_gone_on_with()
    {
        JsonNode answer = await _server.AskAsync(Url, Chat($"{User(Capital)},{Message("assistant", "The capital of Peru")}"));
        Assert.Equal(" is Lima.", Said(answer));
    }

    [Fact]
    public async Task Instructions_and_what_was_said_before_are_read()
    {
        int bare = await PromptAsync(User(Capital));
        Assert.True(await PromptAsync($"{Message("system", "Be brief.")},{User(Capital)}") > bare);
        Assert.True(await PromptAsync($"{Message("developer", "Be brief.")},{User(Capital)}") > bare);
        int before = await PromptAsync($$"""{{User("Hello")}},{"role":"assistant","content":"Hi.","thinking":"What do they want from me?"},{{User(Capital)}}""");
        Assert.Equal(await PromptAsync($"{User("Hello")},{Message("assistant", "Hi.")},{User(Capital)}"), before);
    }

    [Theory]
    [InlineData("\"messages\":{}", "messages")]
    [InlineData("\"messages\":[1]", "messages[0]")]
    [InlineData("\"messages\":[{\"content\":\"x\"}]", "messages[0].role")]
    [InlineData("\"messages\":[{\"role\":\"wizard\",\"content\":\"x\"}]", "messages[0].role")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":7}]", "messages[0].content")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"x\",\"images\":\"AAAA\"}]", "messages[0].images")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"x\",\"images\":[7]}]", "messages[0].images[0]")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"x\",\"images\":[\"AAAA\"]}]", "messages[0].images[0]")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"x\",\"images\":[\"/etc/passwd\"]}]", "messages[0].images[0]")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"x\",\"images\":[\"file:///etc/passwd\"]}]", "messages[0].images[0]")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"x\",\"images\":[\"http://127.0.0.1:9/a.png\"]}]", "messages[0].images[0]")]
    [InlineData("\"messages\":[{\"role\":\"assistant\",\"content\":\"x\",\"images\":[\"AAAA\"]}]", "messages[0].images")]
    [InlineData("\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"name\":\"x\"}]}]", "messages[0].tool_calls[0].function")]
    [InlineData("\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"function\":{\"arguments\":{}}}]}]", "messages[0].tool_calls[0].function.name")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"stream\":\"yes\"", "stream")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"options\":[]", "options")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"tools\":[{\"type\":\"function\",\"function\":{}}]", "tools[0].function.name")]
    public async Task Wrong_field_is_named_in_one_sentence(string fields, string path)
    {
        JsonNode error = await _server.AskAsync(Url, $$"""{"model":"gemma-3n-demo",{{fields}}}""", HttpStatusCode.BadRequest);
        Assert.Equal(["error"], Names(error));
        Assert.Contains(path, (string)error["error"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pictures_and_sound_come_in_one_list()
    {
        string picture = await DataAsync("both-00.png"), sound = await DataAsync("both-00.wav");
        int bare = await PromptAsync(User("What?")), seen = await PromptAsync(WithImages(picture)), heard = await PromptAsync(WithImages(sound));
        Assert.True(seen > bare + 10 && heard > bare);

        // But for the line ends between them.
        Assert.InRange(await PromptAsync(WithImages(picture, sound)), seen + heard - bare - 3, seen + heard - bare + 3);
        Assert.Equal(seen, await PromptAsync(WithImages("data:image/png;base64," + picture)));
    }

    [Fact]
    public async Task Streamed_answer_about_a_picture_is_the_whole_one()
    {
        string messages = WithImages(await DataAsync("image-00.png")).Replace("What?", "Describe this image.", StringComparison.Ordinal);
        string whole = Said(await _server.AskAsync(Url, Chat(messages)));
        Assert.Equal(whole, string.Concat((await LinesAsync(_server, Url, Chat(messages, more: ""))).Select(Said)));
        Assert.Contains(' ', whole);
    }

    async Task<int> PromptAsync(string messages) =>
        (int)(await _server.AskAsync(
            Url, $$$"""{"model":"gemma-3n-demo","messages":[{{{messages}}}],"stream":false,"options":{"num_predict":1,"temperature":0}}"""))["prompt_eval_count"]!;

    static string WithImages(params string[] data) => $$"""{"role":"user","content":"What?","images":[{{string.Join(',', data.Select(each => $"\"{each}\""))}}]}""";

    static async Task<string> DataAsync(string file) =>
        Convert.ToBase64String(await File.ReadAllBytesAsync(Demo.Golden(file), TestContext.Current.CancellationToken));
}
