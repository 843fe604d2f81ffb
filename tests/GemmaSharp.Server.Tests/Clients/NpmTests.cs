using System.Text.Json;
using GemmaSharp.Extensions.AI.Tests;

namespace GemmaSharp.Server.Tests.Clients;

/// <summary>A client of npm in a program that several of them share.</summary>
sealed class NpmClient(ClientServers servers, string script, string package, string client) : ITestedClient
{
    public Task<ClientOutcome> AskAsync(ClientCall call, Action<int>? onStatus = null) =>
        servers.Program(script, package).AskAsync(call with { Client = client }, onStatus);
}

/// <summary>npm openai, by chat completions.</summary>
public sealed class NpmOpenAIChatTests(ClientServers servers) : RetryingClientTests(servers)
{
    internal override ITestedClient Client { get; } = new NpmClient(servers, "openai.mjs", "openai", "chat");

    protected override (string Bad, string Unauthorized, string NotFound, string Overloaded) Errors =>
        ("BadRequestError", "AuthenticationError", "NotFoundError", "RateLimitError");

    [Fact]
    public async Task Models_are_listed_and_found_by_a_name_with_a_slash()
    {
        ClientAnswer answer = await AnswerAsync(await DemoCallAsync("models", ""));
        Assert.Equal([ClientServers.ModelId], answer.Ids);
        Assert.Equal(ClientServers.ModelId, answer.Id);
    }

    [Fact]
    public async Task Embeddings_are_refused_in_a_sentence()
    {
        ClientError error = IsError(await Client.AskAsync(await DemoCallAsync("embeddings", "")), "BadRequestError", 400);
        Assert.Contains("makes no embeddings", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Probabilities_are_those_of_the_text()
    {
        ClientAnswer answer = await AnswerAsync(await DemoCallAsync("logprobs", "What is the capital of Peru?"));
        JsonElement[] tokens = [.. answer.Value!.Value.EnumerateArray()];
        Assert.Equal(answer.Text, string.Concat(tokens.Select(token => token.GetProperty("token").GetString())));
        Assert.All(tokens, token => Assert.InRange(token.GetProperty("logprob").GetDouble(), -1, 0));
        Assert.All(tokens, token => Assert.Equal(2, token.GetProperty("top_logprobs").GetArrayLength()));
        Assert.All(tokens, token => Assert.Equal(token.GetProperty("token").GetString(), token.GetProperty("top_logprobs")[0].GetProperty("token").GetString()));
    }

    [Fact]
    public async Task Several_answers_to_one_question_come_together()
    {
        ClientAnswer answer = await AnswerAsync(await DemoCallAsync("several", "What is the capital of Peru?"));
        Assert.Equal(Enumerable.Repeat("The capital of Peru is Lima.", 3), answer.Ids);
    }

    [Theory]
    [InlineData("completion")]
    [InlineData("completionStream")]
    public async Task Completion_goes_on_from_the_text_as_it_is(string how)
    {
        const string Text = "The capital of Peru";
        ClientAnswer answer = await AnswerAsync(await DemoCallAsync(how, Text) with { MaxTokens = 12 });
        Tokenizer tokenizer = Servers.Model.Tokenizer;
        await using AnswerStream own = Servers.Model.Answer(
            new GenerationRequest
            {
                PromptIds = [tokenizer.BosTokenId!.Value, .. tokenizer.EncodeToIds(Text, allowSpecial: false)],
                Options = new GenerationOptions { Temperature = 0, MaxTokens = 12 },
            },
            TestContext.Current.CancellationToken);
        string text = string.Concat(await own.Select(token => token.Text).ToArrayAsync(TestContext.Current.CancellationToken));
        Assert.NotEmpty(text);
        Assert.Equal((text, own.Statistics.AnswerTokens), (answer.Text, answer.Output));
    }

    [Theory]
    [InlineData("json", "seven")]
    [InlineData("text", "seven\n")]
    [InlineData("verbose_json", "seven")]
    [InlineData("srt", "1\n00:00:00,000 --> 00:00:0")]
    [InlineData("vtt", "WEBVTT\n\n00:00:00.000 --> 00:00:0")]
    public async Task Speech_is_written_down_in_every_format(string format, string expected)
    {
        ClientAnswer answer = await AnswerAsync(await SpeechAsync("transcription", format));
        JsonElement value = answer.Value!.Value;
        if (value.ValueKind == JsonValueKind.String)
        {
            Assert.StartsWith(expected, value.GetString(), StringComparison.Ordinal);
            Assert.Contains("seven", value.GetString(), StringComparison.Ordinal);
            return;
        }

        Assert.Equal(expected, value.GetProperty("text").GetString());
        if (format == "verbose_json")
        {
            JsonElement segment = Assert.Single(value.GetProperty("segments").EnumerateArray());
            Assert.Equal("seven", segment.GetProperty("text").GetString()!.Trim());
            Assert.Equal(value.GetProperty("duration").GetDouble(), segment.GetProperty("end").GetDouble(), 3);
        }
    }

    [Fact]
    public async Task Speech_is_written_down_as_it_is_understood()
    {
        ClientAnswer answer = await AnswerAsync(await SpeechAsync("transcriptionStream", ""));
        Assert.Equal("seven", answer.Text!.Trim());
        Assert.Equal("transcript.text.done", answer.Value!.Value.GetProperty("type").GetString());
        Assert.Equal("seven", answer.Value!.Value.GetProperty("text").GetString());
    }

    [Fact]
    public async Task Speech_can_be_asked_for_in_English() => Assert.NotEmpty((await AnswerAsync(await SpeechAsync("translation", ""))).Text!);

    async Task<ClientCall> SpeechAsync(string name, string format) =>
        await DemoCallAsync(name, format) with { Media = await File.ReadAllBytesAsync(Demo.Golden("audio-01.wav"), TestContext.Current.CancellationToken), MediaType = "audio/wav" };
}

/// <summary>npm openai, by responses.</summary>
public sealed class NpmOpenAIResponsesTests(ClientServers servers) : RetryingClientTests(servers)
{
    internal override ITestedClient Client { get; } = new NpmClient(servers, "openai.mjs", "openai", "responses");

    protected override (string Bad, string Unauthorized, string NotFound, string Overloaded) Errors =>
        ("BadRequestError", "AuthenticationError", "NotFoundError", "RateLimitError");

    protected override (string Whole, string Cut) Finishes => ("completed", "incomplete");

    [Fact]
    public async Task Events_come_in_their_order()
    {
        ClientAnswer answer = await AnswerAsync(await DemoCallAsync("events", "What is the capital of Peru?"));
        Assert.Equal(
            ["response.created", "response.in_progress", "response.output_item.added", "response.content_part.added", "response.output_text.delta",
                "response.output_text.done", "response.content_part.done", "response.output_item.done", "response.completed"],
            answer.Ids.Where((id, index) => index == 0 || id != answer.Ids[index - 1]));
        Assert.Equal(Enumerable.Range(0, answer.Ids.Count), answer.Value!.Value.EnumerateArray().Select(number => number.GetInt32()));
    }

    [Fact]
    public async Task Response_goes_on_from_one_that_is_kept()
    {
        ClientCall call = await DemoCallAsync("previous", "What is the capital of Peru?") with { Prompts = ["What is 8 + 9?"] };
        ClientAnswer answer = await AnswerAsync(call);
        await using AnswerStream own = Servers.Model.Answer(
            new GenerationRequest
            {
                Messages = [ChatMessage.User(call.Prompt), ChatMessage.Assistant("The capital of Peru is Lima."), ChatMessage.User(call.Prompts[0])],
                Options = new GenerationOptions { Temperature = 0, MaxTokens = call.MaxTokens },
            },
            TestContext.Current.CancellationToken);
        string text = string.Concat(await own.Select(token => token.Text).ToArrayAsync(TestContext.Current.CancellationToken));
        Assert.Equal((text, own.Statistics.PromptTokens), (answer.Text, answer.Input));
        Assert.Equal(["The capital of Peru is Lima.", text, "NotFoundError", "linked"], answer.Ids.Take(4));
        Assert.True(int.Parse(answer.Ids[4], System.Globalization.CultureInfo.InvariantCulture) > 0);
    }

    [Fact]
    public async Task Response_that_is_not_kept_is_told_by_its_name()
    {
        ClientError error = IsError(await Client.AskAsync(await DemoCallAsync("unknownPrevious", "Hello")), "BadRequestError", 400);
        Assert.Contains("previous_response_not_found", error.More, StringComparison.Ordinal);
    }
}

/// <summary>npm @ai-sdk/openai, by responses, as it does unless told otherwise.</summary>
public sealed class NpmVercelResponsesTests(ClientServers servers) : RetryingClientTests(servers)
{
    internal override ITestedClient Client { get; } = new NpmClient(servers, "vercel.mjs", "@ai-sdk/openai", "responses");

    protected override string? CannotSendSound => "AI_UnsupportedFunctionalityError";

    protected override (string Bad, string Unauthorized, string NotFound, string Overloaded) Errors =>
        ("AI_APICallError", "AI_APICallError", "AI_APICallError", "AI_APICallError");
}

/// <summary>npm @ai-sdk/openai, by chat completions.</summary>
public sealed class NpmVercelChatTests(ClientServers servers) : RetryingClientTests(servers)
{
    internal override ITestedClient Client { get; } = new NpmClient(servers, "vercel.mjs", "@ai-sdk/openai", "chat");

    protected override (string Bad, string Unauthorized, string NotFound, string Overloaded) Errors =>
        ("AI_APICallError", "AI_APICallError", "AI_APICallError", "AI_APICallError");

    [Fact]
    public async Task Embeddings_are_refused_in_a_sentence()
    {
        ClientError error = IsError(await Client.AskAsync(await DemoCallAsync("embeddings", "")), "AI_APICallError", 400);
        Assert.Contains("makes no embeddings", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Speech_is_written_down()
    {
        byte[] sound = await File.ReadAllBytesAsync(Demo.Golden("audio-01.wav"), TestContext.Current.CancellationToken);
        Assert.Equal("seven", (await AnswerAsync(await DemoCallAsync("transcription", "") with { Media = sound })).Text);
    }

    [Fact]
    public async Task Completion_goes_on() => Assert.NotEmpty((await AnswerAsync(await DemoCallAsync("completion", "The capital of Peru") with { MaxTokens = 12 })).Text!);
}

/// <summary>npm @langchain/openai, by chat completions.</summary>
public sealed class NpmLangChainChatTests(ClientServers servers) : RetryingClientTests(servers)
{
    internal override ITestedClient Client { get; } = new NpmClient(servers, "langchain.mjs", "@langchain/openai", "chat");

    protected override (string Bad, string Unauthorized, string NotFound, string Overloaded) Errors =>
        ("BadRequestError", "AuthenticationError", "NotFoundError", "RateLimitError");

    [Fact]
    public async Task Schema_binds_the_call_that_stands_for_the_answer()
    {
        ClientAnswer answer = await AnswerAsync(await DemoCallAsync("schemaByCall", "What is the capital of Peru?") with { MaxTokens = 200 });
        Assert.Contains(answer.Value!.Value.GetProperty("capital").GetString(), (string[])["Lima", "Quito"]);
    }

    [Fact]
    public async Task Embeddings_are_refused_in_a_sentence()
    {
        ClientError error = IsError(await Client.AskAsync(await DemoCallAsync("embeddings", "")), "BadRequestError", 400);
        Assert.Contains("makes no embeddings", error.Message, StringComparison.Ordinal);
    }
}

/// <summary>npm @langchain/openai, by responses.</summary>
public sealed class NpmLangChainResponsesTests(ClientServers servers) : RetryingClientTests(servers)
{
    internal override ITestedClient Client { get; } = new NpmClient(servers, "langchain.mjs", "@langchain/openai", "responses");

    protected override (string Bad, string Unauthorized, string NotFound, string Overloaded) Errors =>
        ("BadRequestError", "AuthenticationError", "NotFoundError", "RateLimitError");

    protected override (string Whole, string Cut) Finishes => ("completed", "incomplete");

    // The client leaves sound out of responses, and says nothing of it: the question comes alone.
    [Fact]
    public override async Task Sound_is_heard()
    {
        ClientCall call = await DemoCallAsync("sound", "Write down what you hear.");
        await SameAsLibraryAsync(call, await AnswerAsync(call with { Media = s_sound, MediaType = "audio/wav" }));
    }
}

/// <summary>npm @anthropic-ai/sdk.</summary>
public sealed class NpmAnthropicTests(ClientServers servers) : RetryingClientTests(servers)
{
    internal override ITestedClient Client { get; } = new NpmClient(servers, "anthropic.mjs", "@anthropic-ai/sdk", "messages");

    protected override (string Bad, string Unauthorized, string NotFound, string Overloaded) Errors =>
        ("BadRequestError", "AuthenticationError", "NotFoundError", "RateLimitError");

    protected override (string Whole, string Cut) Finishes => ("end_turn", "max_tokens");

    [Fact]
    public async Task Tokens_are_counted_without_an_answer()
    {
        ClientCall call = await DemoCallAsync("count", "What is the capital of Peru?");
        Assert.Equal((await Servers.LibraryAsync(call)).Input, (await AnswerAsync(call)).Input);
    }

    [Fact]
    public async Task System_blocks_and_stops_are_heeded()
    {
        ClientCall call = await DemoCallAsync("system", "What is the capital of Peru?") with { Prompts = ["Be brief."] };
        ClientAnswer answer = await AnswerAsync(call);
        IReadOnlyList<int> prompt = await Servers.Model.TokenizeAsync(
            [ChatMessage.System("Be brief."), ChatMessage.User(call.Prompt)], cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(prompt.Count, answer.Input);
        Assert.Equal("stop_sequence", answer.Finish);
        Assert.DoesNotContain("Lima", answer.Text, StringComparison.Ordinal);
    }
}

/// <summary>npm ollama.</summary>
public sealed class NpmOllamaTests(ClientServers servers) : ClientTests(servers)
{
    internal override ITestedClient Client { get; } = new NpmClient(servers, "ollama.mjs", "ollama", "chat");

    protected override (string Bad, string Unauthorized, string NotFound, string Overloaded) Errors =>
        ("ResponseError", "ResponseError", "ResponseError", "ResponseError");

    protected override int OverloadStatus => 503;

    [Fact]
    public async Task Models_are_listed_and_shown()
    {
        ClientAnswer answer = await AnswerAsync(await DemoCallAsync("models", ""));
        Assert.Equal(2, answer.Ids.Count);
        Assert.All(answer.Ids, id => Assert.StartsWith(ClientServers.ModelId, id, StringComparison.Ordinal));
        JsonElement shown = answer.Value!.Value;
        Assert.Equal("gemma3n", shown.GetProperty("details").GetProperty("family").GetString());
        string?[] capabilities = [.. shown.GetProperty("capabilities").EnumerateArray().Select(each => each.GetString())];
        Assert.Equal(["audio", "completion", "tools", "vision"], capabilities.Order());
        Assert.True(Version.Parse(answer.Id!) >= new Version(0, 6, 4));
    }

    [Theory]
    [InlineData("generate")]
    [InlineData("generateStream")]
    public async Task Prompt_is_answered_as_in_a_chat(string how)
    {
        ClientCall call = await DemoCallAsync(how, "What is the capital of Peru?");
        await SameAsLibraryAsync(call, await AnswerAsync(call));
    }

    [Theory]
    [InlineData("embeddings", "makes no embeddings")]
    [InlineData("pull", "")]
    public async Task What_it_cannot_do_it_refuses_in_a_sentence(string what, string said)
    {
        ClientError error = (await Client.AskAsync(await DemoCallAsync(what, ""))).Failed();
        Assert.Contains("ResponseError", error.Kinds);
        Assert.Contains(said, error.Message, StringComparison.Ordinal);
        Assert.EndsWith(".", error.Message, StringComparison.Ordinal);
    }
}
