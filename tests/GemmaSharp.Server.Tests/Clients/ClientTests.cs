using System.Diagnostics;
using System.Text.Json;
using GemmaSharp.Extensions.AI.Tests;

namespace GemmaSharp.Server.Tests.Clients;

/// <summary>What every client must be able to do, whatever it calls things. A class for each client derives from it.</summary>
public abstract class ClientTests(ClientServers servers)
{
    const string Question = "What is the capital of Peru?";
    static readonly byte[] s_picture = File.ReadAllBytes(Demo.Golden("image-00.png"));
    private protected static readonly byte[] s_sound = File.ReadAllBytes(Demo.Golden("audio-01.wav"));

    protected ClientServers Servers => servers;

    /// <summary>The client.</summary>
    internal abstract ITestedClient Client { get; }

    /// <summary>What it says of an answer that the model has ended, and of one that was cut off.</summary>
    protected virtual (string Whole, string Cut) Finishes => ("stop", "length");

    /// <summary>What it throws: the name of a class, in the order 400, 401, 404 and overload.</summary>
    protected abstract (string Bad, string Unauthorized, string NotFound, string Overloaded) Errors { get; }

    /// <summary>The status for too many requests; Ollama's is another one.</summary>
    protected virtual int OverloadStatus => 429;

    /// <summary>Whether it tells what an answer has cost.</summary>
    protected virtual bool Counts => true;

    /// <summary>What it throws when a stream cannot begin, since there is no such model.</summary>
    protected virtual string NotFoundInStream => Errors.NotFound;

    /// <summary>Whether errors tell the status.</summary>
    protected virtual bool TellsStatus => true;

    /// <summary>Whether errors repeat what the server says.</summary>
    protected virtual bool TellsMessage => true;

    /// <summary>Whether it heeds an error in a stream that was begun; else its program sees an answer without a reason for its end.</summary>
    protected virtual bool HeedsErrorsInStreams => true;

    /// <summary>What the model calls the tool.</summary>
    protected virtual string ToolName => "weather";

    /// <summary>What it says of an answer that the model has ended and that came at once.</summary>
    protected virtual string? FinishOfWhole => Finishes.Whole;

    /// <summary>The error by which the client itself says that it cannot send sound; null where it can.</summary>
    protected virtual string? CannotSendSound => null;

    /// <summary>Whether it leaves sound out without a word, so that the model is asked about nothing.</summary>
    protected virtual bool LeavesSoundOut => false;

    [Fact]
    public async Task Chat_says_what_the_library_says()
    {
        ClientCall call = await DemoCallAsync("chat", Question);
        ClientAnswer answer = await AnswerAsync(call);
        await SameAsLibraryAsync(call, answer);
        Assert.Equal(FinishOfWhole, answer.Finish);
    }

    [Fact]
    public async Task Answer_that_is_cut_off_says_so()
    {
        ClientCall call = await DemoCallAsync("chat", Question) with { MaxTokens = 3 };
        ClientAnswer answer = await AnswerAsync(call);
        await SameAsLibraryAsync(call, answer);
        Assert.Equal(Finishes.Cut, answer.Finish);
    }

    [Fact]
    public async Task Stream_says_the_same_in_pieces()
    {
        ClientCall call = await DemoCallAsync("stream", Question);
        ClientAnswer answer = await AnswerAsync(call);
        await SameAsLibraryAsync(call, answer);
        Assert.True(answer.Pieces > 2, $"{answer.Pieces} pieces");
        Assert.Equal(Finishes.Whole, answer.Finish);
    }

    [Fact]
    public async Task Picture_is_seen()
    {
        ClientCall call = await DemoCallAsync("picture", "Which digits do you see?") with { Media = s_picture, MediaType = "image/png" };
        ClientAnswer answer = await AnswerAsync(call);
        await SameAsLibraryAsync(call, answer);
        Assert.Equal("The number is 5.", answer.Text);
    }

    [Fact]
    public virtual async Task Sound_is_heard()
    {
        ClientCall call = await DemoCallAsync("sound", "Write down what you hear.") with { Media = s_sound, MediaType = "audio/wav" };
        ClientOutcome outcome = await Client.AskAsync(call);
        if (CannotSendSound is string kind)
        {
            Assert.Contains(kind, outcome.Failed().Kinds);
            Assert.Empty(outcome.Statuses);
            return;
        }

        ClientAnswer answer = outcome.Answered();
        await SameAsLibraryAsync(LeavesSoundOut ? call with { Media = null } : call, answer);
        Assert.Equal(!LeavesSoundOut, answer.Text == "seven");
    }

    [Theory]
    [InlineData("tools")]
    [InlineData("toolsStream")]
    public async Task Tool_is_called_and_its_result_is_told_to_the_model(string how)
    {
        using var scripted = new ScriptedModel($$$"""[{"name":"{{{ToolName}}}","parameters":{"city":"Lima"}}]""", "Take a light jacket.");
        using var watch = new EngineWatch(scripted.Model);
        await using RunningServer server = await ClientServers.StartAsync(scripted.Model);
        ClientAnswer answer = await AnswerAsync(new ClientCall(how, server.Address, "Do I need a coat in Lima?"));
        Assert.Equal("Take a light jacket.", answer.Text);
        ToolUse use = Assert.Single(answer.Calls);
        Assert.Equal("weather", use.Name);
        Assert.Equal("""{"city":"Lima"}""", JsonSerializer.Serialize(use.Arguments));
        Assert.Contains("Tells the weather.", watch.Text, StringComparison.Ordinal);
        Assert.Contains("It is 21 degrees in Lima", watch.Text, StringComparison.Ordinal);
        Assert.Equal(0, scripted.Left);
    }

    [Fact]
    public async Task Schema_binds_the_answer_which_the_client_parses()
    {
        ClientAnswer answer = await AnswerAsync(await DemoCallAsync("schema", Question));
        JsonElement place = answer.Value!.Value;
        Assert.Contains(place.GetProperty("capital").GetString(), (string[])["Lima", "Quito"]);
        Assert.True(place.GetProperty("sure").ValueKind is JsonValueKind.True or JsonValueKind.False);
        Assert.Equal(2, place.EnumerateObject().Count());
    }

    [Fact]
    public async Task Unknown_model_is_told_what_there_is()
    {
        ClientOutcome outcome = await Client.AskAsync(await DemoCallAsync("chat", Question) with { Model = "gpt-9" });
        ClientError error = IsError(outcome, Errors.NotFound, 404);
        Assert.Equal(TellsMessage, (error.Message + error.More).Contains(ClientServers.ModelId, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Unknown_model_of_a_stream_is_an_error_before_it()
    {
        IsError(await Client.AskAsync(await DemoCallAsync("stream", Question) with { Model = "gpt-9" }), NotFoundInStream, 404);
    }

    [Fact]
    public async Task Value_that_cannot_be_is_refused_by_its_name()
    {
        ClientError error = IsError(await Client.AskAsync(await DemoCallAsync("chat", Question) with { Temperature = -1 }), Errors.Bad, 400);
        Assert.Contains("temperature", error.Message + error.More, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Wrong_key_is_refused()
    {
        ClientOutcome outcome = await Client.AskAsync(await DemoCallAsync("chat", Question) with { Key = "sk-of-somebody-else" });
        ClientError error = IsError(outcome, Errors.Unauthorized, 401);
        Assert.DoesNotContain("sk-of-somebody-else", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Overload_is_told()
    {
        await using Overloaded overloaded = await Overloaded.StartAsync();
        ClientOutcome outcome = await Client.AskAsync(new ClientCall("chat", overloaded.Address, Question));
        IsError(outcome, Errors.Overloaded, OverloadStatus);
        Assert.Equal([OverloadStatus], outcome.Statuses);
    }

    [Fact]
    public async Task Stream_that_is_given_up_frees_the_model()
    {
        // As slow as a large model, so that it would take half a minute to its end.
        using var scripted = new ScriptedModel(string.Join(", ", Enumerable.Range(1, 500)));
        using var watch = new EngineWatch(scripted.Model, TimeSpan.FromMilliseconds(20));
        await using RunningServer server = await ClientServers.StartAsync(scripted.Model);
        ClientAnswer answer = await AnswerAsync(new ClientCall("abort", server.Address, "Count.") { MaxTokens = 3000 });
        var clock = Stopwatch.StartNew();
        while (scripted.Model.ActiveAnswers > 0 && clock.Elapsed < TimeSpan.FromSeconds(15))
        {
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }

        Assert.Equal(0, scripted.Model.ActiveAnswers);
        Assert.DoesNotContain("500", watch.Text, StringComparison.Ordinal);
        Assert.True(answer.Pieces >= 3, $"{answer.Pieces} pieces");
    }

    [Fact]
    public async Task Stream_that_the_server_cuts_off_is_an_error_and_no_answer()
    {
        using var scripted = new ScriptedModel(string.Join(", ", Enumerable.Range(1, 500)));
        using var watch = new EngineWatch(scripted.Model, TimeSpan.FromMilliseconds(20));
        await using RunningServer server = await ClientServers.StartAsync(scripted.Model, options => options.Drain = TimeSpan.Zero);
        Task<ClientOutcome> asking = Client.AskAsync(new ClientCall("stream", server.Address, "Count.") { MaxTokens = 3000 });
        while (!watch.Text.Contains("10, 11", StringComparison.Ordinal) && !asking.IsCompleted)
        {
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }

        await server.Server.StopAsync(TestContext.Current.CancellationToken);
        ClientOutcome outcome = await asking;
        Assert.Equal([200], outcome.Statuses);
        if (HeedsErrorsInStreams)
        {
            Assert.NotEmpty(outcome.Failed().Message);
        }
        else
        {
            Assert.Null(outcome.Answered().Finish);
        }
    }

    [Fact]
    public async Task Several_at_once_are_all_answered_right()
    {
        string[] questions = [Question, "What is 8 + 9?", "Name the capital of Belgium.", "What is the capital of China?", "What is 1 plus 0?", "Name the capital of Nigeria."];
        ClientCall call = await DemoCallAsync("chat", Question);
        await Task.WhenAll(questions.Select(async (question, index) =>
        {
            ClientCall own = call with { Prompt = question, Case = index % 2 == 0 ? "chat" : "stream" };
            await SameAsLibraryAsync(own, await AnswerAsync(own));
        }));
    }

    private protected async Task<ClientCall> DemoCallAsync(string name, string prompt) => new(name, await servers.DemoAsync(), prompt);

    private protected async Task<ClientAnswer> AnswerAsync(ClientCall call) => (await Client.AskAsync(call)).Answered();

    private protected async Task SameAsLibraryAsync(ClientCall call, ClientAnswer answer)
    {
        (string text, int input, int output) = await servers.LibraryAsync(call);
        Assert.NotEmpty(text);
        Assert.Equal(text, answer.Text);
        if (Counts)
        {
            Assert.Equal((input, output), (answer.Input, answer.Output));
        }
    }

    private protected ClientError IsError(ClientOutcome outcome, string kind, int status)
    {
        ClientError error = outcome.Failed();
        Assert.Equal(status, outcome.Statuses[^1]);
        Assert.True(error.Kinds.Contains(kind), $"{string.Join(" < ", error.Kinds)}: {error.Message}\n{error.More}");
        if (TellsStatus)
        {
            Assert.Equal(status, error.Status);
        }

        return error;
    }
}
