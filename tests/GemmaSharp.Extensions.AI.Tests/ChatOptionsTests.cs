using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;

namespace GemmaSharp.Extensions.AI.Tests;

/// <summary>Every property of ChatOptions and what it becomes.</summary>
public sealed class ChatOptionsTests(Demo demo) : IClassFixture<Demo>
{
    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public void Null_IsTheCheckpointsOwn()
    {
        GenerationOptions options = Read(null).Options;
        Assert.Equal(new GenerationOptions { Stop = options.Stop }, options);
        Assert.Empty(options.Stop);
    }

    public static TheoryData<string, ChatOptions, Func<GenerationOptions, object?>, object?> Mapped => new()
    {
        { "Temperature", new() { Temperature = 0.25f }, o => o.Temperature, 0.25f },
        { "TopP", new() { TopP = 0.5f }, o => o.TopP, 0.5f },
        { "TopK", new() { TopK = 7 }, o => o.TopK, 7 },
        { "FrequencyPenalty", new() { FrequencyPenalty = 0.5f }, o => o.FrequencyPenalty, 0.5f },
        { "PresencePenalty", new() { PresencePenalty = -0.5f }, o => o.PresencePenalty, -0.5f },
        { "PresencePenalty leaves the repetition penalty to the checkpoint", new() { PresencePenalty = 0.5f }, o => o.RepetitionPenalty, null },
        { "MaxOutputTokens", new() { MaxOutputTokens = 3 }, o => o.MaxTokens, 3 },
        { "Seed beyond int", new() { Seed = 1L << 40 }, o => o.Seed, 1UL << 40 },
        { "Seed below 0", new() { Seed = -1 }, o => o.Seed, ulong.MaxValue },
        { "StopSequences", new() { StopSequences = ["a", "", "b"] }, o => string.Join('|', o.Stop), "a|b" },
        { "ResponseFormat", new() { ResponseFormat = ChatResponseFormat.Text }, o => o.Constraint, null },
        { "Reasoning", new() { Reasoning = new ReasoningOptions { Effort = ReasoningEffort.High } }, o => o.Temperature, null },
        { "min_p", With("min_p", 0.1), o => o.MinP, 0.1f },
        { "repetition_penalty", With("repetition_penalty", 1.5m), o => o.RepetitionPenalty, 1.5f },
        { "min_tokens", With("min_tokens", 4L), o => o.MinTokens, 4 },
        { "ignore_eos", With("ignore_eos", true), o => o.IgnoreEos, true },
        { "ignore_eos as JSON", With("ignore_eos", Json("true")), o => o.IgnoreEos, true },
        { "min_tokens as JSON", With("min_tokens", Json("5")), o => o.MinTokens, 5 },
        { "min_p as text", With("min_p", "0.5"), o => o.MinP, 0.5f },
        { "null as JSON is the checkpoint's", With("min_p", Json("null")), o => o.MinP, null },
        { "logprobs true", With("logprobs", true), o => o.Logprobs, 0 },
        { "logprobs false", With("logprobs", false), o => o.Logprobs, null },
        { "logprobs 3", With("logprobs", 3), o => o.Logprobs, 3 },
        { "unknown", With("frobnicate", new object()), o => o.Logprobs, null },
    };

    [Theory]
    [MemberData(nameof(Mapped))]
    public void Property_IsMapped(string what, ChatOptions options, Func<GenerationOptions, object?> read, object? expected)
    {
        object? found = read(Read(options).Options);
        Assert.True(Equals(expected, found), $"{what}: {found}, not {expected}");
    }

    public static TheoryData<ChatOptions, string> Refused => new()
    {
        { new() { Temperature = -1 }, "Temperature is -1" },
        { new() { TopP = 2 }, "TopP is 2" },
        { new() { TopK = -1 }, "TopK is -1" },
        { new() { MaxOutputTokens = 0 }, "MaxOutputTokens is 0" },
        { new() { FrequencyPenalty = float.NaN }, "FrequencyPenalty is NaN" },
        { new() { ModelId = "gpt-4o" }, "ModelId is gpt-4o" },
        { new() { ModelId = "gemma-3n-demo:nobody" }, "gemma-3n-demo:nobody" },
        { new() { ToolMode = ChatToolMode.RequireAny }, "no function" },
        { new() { ToolMode = ChatToolMode.RequireSpecific("f") }, "no function" },
        { With("min_p", "many"), "min_p is many" },
        { With("min_p", double.NaN), "min_p is NaN" },
        { With("min_tokens", 1.5), "min_tokens is 1.5" },
        { With("ignore_eos", 1), "ignore_eos is 1" },
        { With("grammar", 1), "grammar is 1" },
        { With("image_size", 3), "image_size is 3" },
        { new() { ResponseFormat = ChatResponseFormat.Json, AdditionalProperties = new() { ["grammar"] = "root ::= \"a\"" } }, "more than one form" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void WrongValue_IsRefusedAtOnce(ChatOptions options, string names)
    {
        using IChatClient client = demo.Model.AsIChatClient();
        ArgumentException error = Assert.ThrowsAny<ArgumentException>(() => client.GetStreamingResponseAsync("Hello", options, Token));
        Assert.Contains(names, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ConversationId_IsRefusedByName()
    {
        using IChatClient client = demo.Model.AsIChatClient();
        Exception error = Assert.Throws<NotSupportedException>(() => client.GetStreamingResponseAsync("Hello", new() { ConversationId = "c-17" }, Token));
        Assert.Contains("c-17", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ContinuationToken_IsRefused()
    {
        using IChatClient client = demo.Model.AsIChatClient();
        var options = new ChatOptions { ContinuationToken = ResponseContinuationToken.FromBytes(new byte[] { 1 }), AllowBackgroundResponses = true };
        Assert.Throws<NotSupportedException>(() => client.GetStreamingResponseAsync("Hello", options, Token));
    }

    [Fact]
    public void Messages_Null_IsRefusedAtOnce()
    {
        using IChatClient client = demo.Model.AsIChatClient();
        Assert.Throws<ArgumentNullException>(() => client.GetStreamingResponseAsync((IEnumerable<AIMessage>)null!, cancellationToken: Token));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("gemma-3n-demo")]
    [InlineData("GEMMA-3n-demo")]
    [InlineData("google/demo")]
    [InlineData("demo")]
    [InlineData("other")]
    public void ModelId_OfThisModel_IsTaken(string? modelId)
    {
        var options = new GemmaChatOptions { ModelId = "google/demo", Aliases = { "other" } };
        PreparedRequest request = Read(new ChatOptions { ModelId = modelId }, options);
        Assert.Null(request.Adapters);
        Assert.Equal(string.IsNullOrEmpty(modelId) ? "google/demo" : modelId, request.ModelId);
    }

    [Fact]
    public void ModelId_WithAdapter_SelectsIt()
    {
        var options = new GemmaChatOptions { Adapters = { ["polite"] = AdapterSet.None } };
        Assert.Same(AdapterSet.None, Read(new ChatOptions { ModelId = "gemma-3n-demo:polite" }, options).Adapters);
    }

    [Fact]
    public void Instructions_ComeBeforeTheSystemText()
    {
        IReadOnlyList<UnreadMessage> messages = Read(
            new ChatOptions { Instructions = "Be brief." }, messages: [new(ChatRole.System, "Be kind."), User]).Messages;
        Assert.Equal(["system", "system", "user"], messages.Select(message => message.Role));
        Assert.Equal(new TextPart("Be brief."), Assert.Single(messages[0].Pieces).Part);
        IReadOnlyList<ChatMessage> normal = GemmaModel.Normalize(
            [.. messages.Select(message => new ChatMessage(message.Role, ((TextPart)message.Pieces[0].Part!).Text))]);
        Assert.Contains("Be brief.\n\nBe kind.", normal[0].Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Tenant_IsOfTheRequestOrTheClient()
    {
        var options = new GemmaChatOptions { Tenant = "a" };
        Assert.Equal("a", Read(null, options).Tenant);
        Assert.Equal("b", Read(With("tenant", "b"), options).Tenant);
    }

    [Fact]
    public void RawRepresentation_Wins_AndTheRestIsFilledIn()
    {
        GenerationOptions options = Read(new ChatOptions
        {
            Temperature = 0.5f,
            TopK = 3,
            StopSequences = ["x"],
            AdditionalProperties = new() { ["min_p"] = 0.5 },
            RawRepresentationFactory = client =>
            {
                Assert.IsType<GemmaChatClient>(client);
                return new GenerationOptions { Temperature = 0.125f, MinP = 0.25f };
            },
        }).Options;
        Assert.Equal((0.125f, 0.25f, 3, "x"), (options.Temperature, options.MinP, options.TopK, Assert.Single(options.Stop)));
    }

    [Fact]
    public void RawRepresentation_OfAnotherKind_IsPassedOver() =>
        Assert.Equal(0.5f, Read(new ChatOptions { Temperature = 0.5f, RawRepresentationFactory = _ => "theirs" }).Options.Temperature);

    [Fact]
    public async Task ResponseFormat_Json_IsAnyJson()
    {
        GenerationOptions options = await Read(new ChatOptions { ResponseFormat = ChatResponseFormat.Json }).OptionsAsync(CancellationToken.None);
        Assert.NotNull(options.Constraint);
    }

    [Theory]
    [InlineData(null, true)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    public async Task ResponseFormat_Schema_IsToldToTheModelUnlessUnwanted(bool? inject, bool told)
    {
        ChatOptions request = inject is null ? new ChatOptions() : With("inject_schema", inject.Value);
        request.ResponseFormat = ChatResponseFormat.ForJsonSchema(Json("""{"type":"object","properties":{"answer":{"type":"integer"}}}"""));
        GenerationOptions options = await Read(request).OptionsAsync(CancellationToken.None);
        Assert.Equal(told, options.Constraint!.Instruction?.Contains("answer", StringComparison.Ordinal) == true);
    }

    [Fact]
    public async Task ResponseFormat_SchemaThatIsNone_IsRefusedBeforeTheFirstUpdate()
    {
        using IChatClient client = demo.Model.AsIChatClient();
        var options = new ChatOptions { ResponseFormat = ChatResponseFormat.ForJsonSchema(Json("[1]")) };
        await Assert.ThrowsAsync<ConstraintException>(() => client.GetResponseAsync("Hello", options, Token));
    }

    [Fact]
    public async Task Grammar_And_Regex_AreConstraints()
    {
        Assert.NotNull((await Read(With("grammar", "root ::= \"a\"")).OptionsAsync(CancellationToken.None)).Constraint);
        Assert.NotNull((await Read(With("regex", "a+")).OptionsAsync(CancellationToken.None)).Constraint);
    }

    [Fact]
    public void Tools_AreFunctionsOfAnyKind_HostedOnesArePassedOver()
    {
        AIFunction add = AIFunctionFactory.Create((int a, int b) => a + b, "add", "Adds two numbers.");
        ToolOptions tools = Read(new ChatOptions { Tools = [new HostedWebSearchTool(), add, add.AsDeclarationOnlyNamed("plus")] }).Options.Tools!;
        Assert.Equal(["add", "plus"], tools.Tools.Select(tool => tool.Name));
        Assert.Equal("Adds two numbers.", tools.Tools[0].Description);
        Assert.True(tools.Tools[0].Parameters.GetProperty("properties").TryGetProperty("b", out _));
        Assert.Equal((ToolChoice.Auto, false), (tools.Choice, tools.Parallel));
    }

    [Fact]
    public void Tools_HostedOnesAlone_AreNone() => Assert.Null(Read(new ChatOptions { Tools = [new HostedWebSearchTool()] }).Options.Tools);

    public static TheoryData<ChatToolMode?, ToolChoice> Modes => new()
    {
        { null, ToolChoice.Auto },
        { ChatToolMode.Auto, ToolChoice.Auto },
        { ChatToolMode.None, ToolChoice.None },
        { ChatToolMode.RequireAny, ToolChoice.Required },
        { ChatToolMode.RequireSpecific("f"), ToolChoice.Named("f") },
    };

    [Theory]
    [MemberData(nameof(Modes))]
    public void ToolMode_IsMapped(ChatToolMode? mode, ToolChoice choice) =>
        Assert.Equal(choice, Read(new ChatOptions { Tools = [AIFunctionFactory.Create(() => 1, "f")], ToolMode = mode }).Options.Tools!.Choice);

    [Theory]
    [InlineData(null, false, false)]
    [InlineData(null, true, true)]
    [InlineData(true, false, true)]
    [InlineData(false, true, false)]
    public void AllowMultipleToolCalls_IsOfTheRequestOrTheClient(bool? request, bool client, bool expected)
    {
        ToolOptions tools = Read(
            new ChatOptions { Tools = [AIFunctionFactory.Create(() => 1, "f")], AllowMultipleToolCalls = request },
            new GemmaChatOptions { AllowMultipleToolCalls = client, ToolFormat = ToolFormat.Pythonic }).Options.Tools!;
        Assert.Equal((expected, ToolFormat.Pythonic), (tools.Parallel, tools.Format));
    }

    [Fact]
    public void ToolMode_NamesNoTool_IsRefused()
    {
        using IChatClient client = demo.Model.AsIChatClient();
        var options = new ChatOptions { Tools = [AIFunctionFactory.Create(() => 1, "f")], ToolMode = ChatToolMode.RequireSpecific("g") };
        ArgumentException error = Assert.Throws<ArgumentException>(() => client.GetStreamingResponseAsync("Hello", options, Token));
        Assert.Contains("g and the request has f", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Options_AreReadOnceAndNeverChanged()
    {
        using IChatClient client = demo.Model.AsIChatClient();
        var messages = new List<AIMessage> { new(ChatRole.User, "What is the capital of Peru?") };
        var options = new ChatOptions { Temperature = 0, MaxOutputTokens = 40, Instructions = null };
        string before = JsonSerializer.Serialize(options, AIJsonUtilities.DefaultOptions);
        IAsyncEnumerable<ChatResponseUpdate> answer = client.GetStreamingResponseAsync(messages, options, Token);
        options.MaxOutputTokens = 1;
        messages.Clear();
        ChatResponse response = await answer.ToChatResponseAsync(Token);
        Assert.Equal("The capital of Peru is Lima.", response.Text);
        options.MaxOutputTokens = 40;
        Assert.Equal(before, JsonSerializer.Serialize(options, AIJsonUtilities.DefaultOptions));
    }

    static AIMessage User => new(ChatRole.User, "Hello");

    static ChatOptions With(string name, object value) => new() { AdditionalProperties = new() { [name] = value } };

    static JsonElement Json(string text) => JsonDocument.Parse(text).RootElement;

    PreparedRequest Read(ChatOptions? request, GemmaChatOptions? options = null, IEnumerable<AIMessage>? messages = null)
    {
        options ??= new GemmaChatOptions();
        var source = new LoadedModel(demo.Model, leaveOpen: true);
        using var client = new GemmaChatClient(source, options, null);
        return PreparedRequest.Read(messages ?? [User], request, new ModelNames(source, options), options, client, NullLogger.Instance);
    }
}

static class Declarations
{
    /// <summary>The same function under another name, as something that is known and cannot be called here.</summary>
    public static AIFunctionDeclaration AsDeclarationOnlyNamed(this AIFunction function, string name) =>
        AIFunctionFactory.CreateDeclaration(name, function.Description, function.JsonSchema);
}
