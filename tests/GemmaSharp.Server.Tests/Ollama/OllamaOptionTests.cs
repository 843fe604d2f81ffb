using System.Net;
using System.Text.Json.Nodes;
using GemmaSharp.Server.Tests.Security;
using static GemmaSharp.Server.Tests.Ollama.OllamaRequests;

namespace GemmaSharp.Server.Tests.Ollama;

public sealed class OllamaOptionTests(SharedServer shared) : IClassFixture<SharedServer>
{
    const string Url = "/api/chat";

    readonly RunningServer _server = shared.Server;

    [Theory]
    [InlineData(-1)]
    [InlineData(-2)]
    [InlineData(0)]
    public async Task No_limit_is_none(int limit)
    {
        JsonNode answer = await AskAsync($$"""{"temperature":0,"num_predict":{{limit}}}""");
        Assert.Equal((Lima, "stop"), (Said(answer), (string)answer["done_reason"]!));
    }

    [Theory]
    [InlineData("1", 1)]
    [InlineData("4.0", 4)]
    public async Task Limit_ends_the_answer(string limit, int count)
    {
        JsonNode answer = await AskAsync($$"""{"temperature":0,"num_predict":{{limit}}}""");
        Assert.Equal((count, "length"), ((int)answer["eval_count"]!, (string)answer["done_reason"]!));
        Assert.StartsWith(Said(answer), Lima, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Server_has_the_last_word_on_the_limit()
    {
        await using RunningServer server = await RunningServer.StartAsync(options => options.MaxAnswerTokens = 2);
        Assert.Equal(2, (int)(await server.AskAsync(Url, WithOptions("""{"temperature":0,"num_predict":-1}""")))["eval_count"]!);
    }

    [Fact]
    public async Task Seed_repeats_an_answer_and_minus_one_does_not()
    {
        const string Wild = "\"temperature\":5,\"top_k\":0,\"top_p\":1,\"num_predict\":24";
        string first = Said(await AskAsync($$"""{{{Wild}},"seed":7}"""));
        Assert.Equal(first, Said(await AskAsync($$"""{{{Wild}},"seed":7}""")));
        Assert.NotEqual(first, Said(await AskAsync($$"""{{{Wild}},"seed":8}""")));
        Assert.NotEqual(Said(await AskAsync($$"""{{{Wild}},"seed":-1}""")), Said(await AskAsync($$"""{{{Wild}},"seed":-1}""")));
    }

    [Theory]
    [InlineData("\"temperature\":5,\"top_k\":1")]
    [InlineData("\"temperature\":5,\"top_k\":0,\"top_p\":0")]
    [InlineData("\"temperature\":5,\"top_k\":0,\"top_p\":1,\"min_p\":1")]
    public async Task Cuts_leave_the_likeliest(string options) => Assert.Equal(Lima, Said(await AskAsync($$"""{{{options}}}""")));

    [Theory]
    [InlineData("\" is\"")]
    [InlineData("[\"nowhere\",\"\",\" is\"]")]
    public async Task Stop_ends_the_answer(string stop)
    {
        JsonNode answer = await AskAsync($$"""{"temperature":0,"stop":{{stop}}}""");
        Assert.Equal(("The capital of Peru", "stop"), (Said(answer), (string)answer["done_reason"]!));
    }

    [Theory]
    [InlineData("\"repeat_penalty\":50")]
    [InlineData("\"repeat_penalty\":50,\"repeat_last_n\":64")]
    [InlineData("\"repeat_penalty\":50,\"repeat_last_n\":-1")]
    public async Task Penalty_changes_an_answer_that_repeats_the_question(string options) =>
        Assert.NotEqual(Lima, Said(await AskAsync($$"""{"temperature":0,"num_predict":12,{{options}}}""")));

    [Fact]
    public async Task Penalty_over_no_token_is_none() => Assert.Equal(Lima, Said(await AskAsync("""{"temperature":0,"repeat_penalty":50,"repeat_last_n":0}""")));

    [Fact]
    public async Task What_has_no_effect_is_taken()
    {
        JsonNode answer = await AskAsync(
            """
            {"temperature":0,"num_gpu":99,"main_gpu":0,"num_thread":2,"num_batch":512,"num_keep":4,"use_mmap":true,"typical_p":0.7,"mirostat":2,"mirostat_tau":"x",
            "penalize_newline":true,"numa":false,"num_ctx":1000000,"top_k":null,"stop":null,"seed":null}
            """);
        Assert.Equal(Lima, Said(answer));
    }

    [Theory]
    [InlineData("num_predict", "\"many\"")]
    [InlineData("num_predict", "1.5")]
    [InlineData("num_predict", "-3")]
    [InlineData("num_ctx", "0")]
    [InlineData("num_ctx", "[]")]
    [InlineData("seed", "1.5")]
    [InlineData("seed", "\"7\"")]
    [InlineData("temperature", "\"hot\"")]
    [InlineData("temperature", "-1")]
    [InlineData("top_k", "1.5")]
    [InlineData("top_p", "2")]
    [InlineData("min_p", "-0.1")]
    [InlineData("repeat_penalty", "0")]
    [InlineData("repeat_penalty", "true")]
    [InlineData("repeat_last_n", "\"all\"")]
    [InlineData("presence_penalty", "3")]
    [InlineData("frequency_penalty", "\"x\"")]
    [InlineData("stop", "5")]
    [InlineData("num_gpu", "\"all\"")]
    [InlineData("num_keep", "{}")]
    [InlineData("typical_p", "\"x\"")]
    [InlineData("use_mmap", "1")]
    public async Task Wrong_value_is_refused_by_its_name(string name, string value)
    {
        JsonNode error = await _server.AskAsync(Url, WithOptions($$"""{"{{name}}":{{value}}}"""), HttpStatusCode.BadRequest);
        Assert.StartsWith($"options.{name} is ", (string)error["error"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Context_ends_the_answer()
    {
        int prompt = (int)(await AskAsync("""{"temperature":0}"""))["prompt_eval_count"]!;
        JsonNode answer = await AskAsync($$"""{"temperature":0,"num_ctx":{{prompt + 3}}}""");
        Assert.Equal((prompt, 3, "length"), ((int)answer["prompt_eval_count"]!, (int)answer["eval_count"]!, (string)answer["done_reason"]!));
    }

    [Fact]
    public async Task Probabilities_are_those_of_the_tokens()
    {
        JsonNode whole = await _server.AskAsync(Url, WithOptions("""{"temperature":0}""", "\"stream\":false,\"logprobs\":true,\"top_logprobs\":2"));
        JsonArray tokens = whole["logprobs"]!.AsArray();
        Assert.Equal(Lima, string.Concat(tokens.Select(token => (string)token!["token"]!)));
        Assert.All(tokens, token =>
        {
            Assert.Equal(["token", "logprob", "bytes", "top_logprobs"], Names(token!));
            Assert.True((double)token!["logprob"]! <= 0);
            Assert.Equal((string)token["token"]!, System.Text.Encoding.UTF8.GetString([.. token["bytes"]!.AsArray().Select(each => (byte)(int)each!)]));
            JsonArray top = token["top_logprobs"]!.AsArray();
            Assert.Equal(2, top.Count);

            // Greedy, so that it is the likeliest itself.
            Assert.Equal((string)token["token"]!, (string)top[0]!["token"]!);
            Assert.Equal(["token", "logprob", "bytes"], Names(top[0]!));
        });
        JsonNode[] lines = await LinesAsync(_server, Url, WithOptions("""{"temperature":0}""", "\"logprobs\":true"));
        JsonNode[] streamed = [.. lines.SelectMany(line => line["logprobs"]?.AsArray() ?? []).Select(token => token!)];
        Assert.Equal(tokens.Select(token => (float)token!["logprob"]!), streamed.Select(token => (float)token["logprob"]!));
        Assert.All(streamed, token => Assert.False(token.AsObject().ContainsKey("top_logprobs")));
        Assert.False((await _server.AskAsync(Url, WithOptions("{}", "\"stream\":false,\"top_logprobs\":2"))).AsObject().ContainsKey("logprobs"));
        await _server.AskAsync(Url, WithOptions("{}", "\"logprobs\":true,\"top_logprobs\":21"), HttpStatusCode.BadRequest);
    }

    Task<JsonNode> AskAsync(string options) => _server.AskAsync(Url, WithOptions(options));
}
