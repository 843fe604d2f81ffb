using System.Text.Json;

namespace GemmaSharp.Extensions.AI.Tests;

/// <summary>Calls of functions by the vendor's own function invocation, on scripted answers.</summary>
public sealed class FunctionTests
{
    const string Weather = """[{"name":"weather","parameters":{"city":"Lima"}}]""";

    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Call_IsOneWholeContent_AndTheReasonOfTheEnd()
    {
        using var script = new ScriptedModel(Weather);
        using IChatClient client = script.Client();
        ChatResponseUpdate[] updates = await client.GetStreamingResponseAsync("Well?", Tools(Function()), Token).ToArrayAsync(Token);
        FunctionCallContent call = Assert.Single(updates.SelectMany(update => update.Contents).OfType<FunctionCallContent>());
        Assert.Equal(("weather", "Lima"), (call.Name, Assert.IsType<JsonElement>(call.Arguments!["city"]).GetString()));
        Assert.StartsWith("call_", call.CallId, StringComparison.Ordinal);
        Assert.Null(call.Exception);
        Assert.Equal("", string.Concat(updates.Select(update => update.Text)));
        Assert.Equal(ChatFinishReason.ToolCalls, updates[^1].FinishReason);
        JsonSerializer.Serialize(updates.ToChatResponse(), AIJsonUtilities.DefaultOptions);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Invocation_CallsAndGoesOn(bool streamed)
    {
        using var script = new ScriptedModel(Weather, "It is sunny in Lima.");
        string? asked = null;
        using IChatClient client = script.Client().AsBuilder().UseFunctionInvocation().Build();
        ChatOptions options = Tools(Function(city => asked = city));
        ChatResponse response = streamed
            ? await client.GetStreamingResponseAsync("How is the weather in Lima?", options, Token).ToChatResponseAsync(Token)
            : await client.GetResponseAsync("How is the weather in Lima?", options, Token);
        Assert.Equal(("Lima", "It is sunny in Lima."), (asked, response.Text));
        Assert.Equal(
            [ChatRole.Assistant, ChatRole.Tool, ChatRole.Assistant], response.Messages.Select(message => message.Role));
        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        Assert.Equal(0, script.Left);
    }

    [Theory]
    [InlineData(ToolFormat.Json, Weather)]
    [InlineData(ToolFormat.Pythonic, "[weather(city=\"Lima\")]")]
    [InlineData(ToolFormat.ToolCode, "```tool_code\nweather(city=\"Lima\")\n```")]
    public async Task Invocation_UnderstandsEveryFormat(ToolFormat format, string call)
    {
        using var script = new ScriptedModel(call, "It is sunny.");
        string? asked = null;
        using IChatClient client = script.Client(new GemmaChatOptions { ToolFormat = format }).AsBuilder().UseFunctionInvocation().Build();
        ChatResponse response = await client.GetResponseAsync("How is the weather in Lima?", Tools(Function(city => asked = city)), Token);
        Assert.Equal(("Lima", "It is sunny.", 0), (asked, response.Text, script.Left));
    }

    [Fact]
    public async Task Invocation_FindsTheFirstPromptAgain()
    {
        using var script = new ScriptedModel(Weather, "Sunny.");
        using IChatClient client = script.Client().AsBuilder().UseFunctionInvocation().Build();
        List<ChatResponseUpdate> updates = await client.GetStreamingResponseAsync("How is it?", Tools(Function()), Token).ToListAsync(Token);
        UsageDetails[] usage = [.. updates.SelectMany(update => update.Contents).OfType<UsageContent>().Select(content => content.Details)];
        Assert.Equal(2, usage.Length);

        // The call is written as it was drawn, so all of it but its end is found again.
        Assert.InRange(usage[1].CachedInputTokenCount!.Value, usage[0].TotalTokenCount!.Value - 2, usage[1].InputTokenCount!.Value);
    }

    [Fact]
    public async Task Invocation_OfSeveralCalls_KeepsTheirOrder()
    {
        using var script = new ScriptedModel(
            """[{"name":"weather","parameters":{"city":"Lima"}},{"name":"weather","parameters":{"city":"Bern"}}]""", "Sunny in both.");
        using IChatClient client = script.Client().AsBuilder().UseFunctionInvocation().Build();
        var asked = new List<string>();
        ChatOptions options = Tools(Function(asked.Add));
        options.AllowMultipleToolCalls = true;
        ChatResponse response = await client.GetResponseAsync("How is the weather?", options, Token);
        Assert.Equal(["Lima", "Bern"], asked);
        Assert.Equal("Sunny in both.", response.Text);
        Assert.Equal(2, response.Messages[0].Contents.OfType<FunctionCallContent>().Select(call => call.CallId).Distinct().Count());
    }

    [Fact]
    public async Task Invocation_ThatFails_TellsTheModel()
    {
        using var script = new ScriptedModel(Weather, "I could not find out.");
        using IChatClient client = script.Client().AsBuilder().UseFunctionInvocation().Build();
        ChatResponse response = await client.GetResponseAsync(
            "How is the weather?", Tools(Function(_ => throw new InvalidOperationException("no network"))), Token);
        Assert.Equal("I could not find out.", response.Text);
        FunctionResultContent result = Assert.Single(response.Messages.SelectMany(message => message.Contents).OfType<FunctionResultContent>());
        Assert.IsType<InvalidOperationException>(result.Exception);
    }

    [Fact]
    public async Task Invocation_OfWhatCannotBeCalled_GivesTheCallBack()
    {
        using var script = new ScriptedModel(Weather);
        using IChatClient client = script.Client().AsBuilder().UseFunctionInvocation().Build();
        ChatResponse response = await client.GetResponseAsync("How is the weather?", Tools(Function().AsDeclarationOnlyNamed("weather")), Token);
        Assert.Equal("weather", Assert.Single(response.Messages.SelectMany(message => message.Contents).OfType<FunctionCallContent>()).Name);
        Assert.Equal((ChatFinishReason.ToolCalls, 0), (response.FinishReason, script.Left));
    }

    [Fact]
    public async Task Invocation_EndsAtTheMostIterations()
    {
        using var script = new ScriptedModel(Weather, Weather, "Enough of it.");
        using IChatClient client = script.Client().AsBuilder().UseFunctionInvocation(configure: each => each.MaximumIterationsPerRequest = 2).Build();
        int calls = 0;
        ChatOptions options = Tools(Function(_ => calls++));
        options.ToolMode = ChatToolMode.RequireAny;
        ChatResponse response = await client.GetResponseAsync("How is the weather?", options, Token);
        Assert.Equal((2, "Enough of it."), (calls, response.Text));
    }

    [Fact]
    public async Task Mode_None_LeavesTheModelAlone()
    {
        using var script = new ScriptedModel(Weather);
        using IChatClient client = script.Client();
        ChatOptions options = Tools(Function());
        options.ToolMode = ChatToolMode.None;
        ChatResponse response = await client.GetResponseAsync("How is the weather?", options, Token);
        Assert.Equal((Weather, ChatFinishReason.Stop), (response.Text, response.FinishReason));
    }

    [Fact]
    public async Task Mode_Required_CallsWhateverTheModelWouldSay()
    {
        using GemmaModel model = GemmaModel.Load(Demo.Folder);
        using IChatClient client = model.AsIChatClient();
        AIFunction pick = AIFunctionFactory.Create((Colour colour) => colour.ToString(), "pick", "Picks a colour.");
        var options = new ChatOptions { Tools = [pick, Function()], ToolMode = ChatToolMode.RequireSpecific("pick"), Temperature = 0, MaxOutputTokens = 200 };
        ChatResponse response = await client.GetResponseAsync("What is the capital of Peru?", options, Token);
        FunctionCallContent call = Assert.Single(response.Messages[0].Contents.OfType<FunctionCallContent>());
        Assert.Equal(("pick", ChatFinishReason.ToolCalls), (call.Name, response.FinishReason));
        Assert.Contains(call.Arguments!["colour"]!.ToString(), Enum.GetNames<Colour>());
    }

    [Fact]
    public async Task Text_ThatOnlyLooksLikeACall_IsText()
    {
        using var script = new ScriptedModel("[1, 2, 3] is a list.");
        using IChatClient client = script.Client();
        ChatResponse response = await client.GetResponseAsync("Name a list.", Tools(Function()), Token);
        Assert.Equal(("[1, 2, 3] is a list.", ChatFinishReason.Stop), (response.Text, response.FinishReason));
    }

    [Fact]
    public async Task Result_OfNoCall_IsRefusedByName()
    {
        using var script = new ScriptedModel("Well.");
        using IChatClient client = script.Client();
        ChatMessageException error = await Assert.ThrowsAsync<ChatMessageException>(() => client.GetResponseAsync(
            [new(ChatRole.User, "Well?"), new(ChatRole.Tool, [new FunctionResultContent("call_nobody", "3")])], Tools(Function()), Token));
        Assert.Contains("call_nobody", error.Message, StringComparison.Ordinal);
    }

    enum Colour
    {
        Red,
        Green,
    }

    static AIFunction Function(Action<string>? called = null) => AIFunctionFactory.Create(
        (string city) =>
        {
            called?.Invoke(city);
            return "sunny";
        },
        "weather",
        "Tells the weather of a city.");

    static ChatOptions Tools(params AITool[] tools) => new() { Tools = tools, Temperature = 0, MaxOutputTokens = 200 };
}
