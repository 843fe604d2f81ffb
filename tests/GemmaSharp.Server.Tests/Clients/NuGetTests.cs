using System.ClientModel;
using GemmaSharp.Extensions.AI.Tests;
using OllamaSharp;
using OllamaSharp.Models;
using OpenAI;
using OpenAI.Audio;
using OpenAI.Models;
using OpenAI.Responses;

namespace GemmaSharp.Server.Tests.Clients;

/// <summary>NuGet OpenAI's chat client.</summary>
public sealed class NuGetOpenAITests(ClientServers servers) : RetryingClientTests(servers)
{
    internal override ITestedClient Client { get; } = new OpenAINet();

    protected override (string Bad, string Unauthorized, string NotFound, string Overloaded) Errors =>
        ("ClientResultException", "ClientResultException", "ClientResultException", "ClientResultException");

    protected override (string Whole, string Cut) Finishes => ("Stop", "Length");

    protected override bool HeedsErrorsInStreams => false;

    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Models_are_listed_and_found_by_a_name_with_a_slash()
    {
        using var http = new HttpClient();
        OpenAIModelClient client = NuGetClient.Connect(await DemoCallAsync("", ""), http).GetOpenAIModelClient();
        OpenAIModel model = Assert.Single((await client.GetModelsAsync(Token)).Value);
        Assert.Equal((ClientServers.ModelId, "google"), (model.Id, model.OwnedBy));
        Assert.Equal(ClientServers.ModelId, (await client.GetModelAsync(model.Id, Token)).Value.Id);
    }

    [Fact]
    public async Task Embeddings_are_refused_in_a_sentence()
    {
        using var http = new HttpClient();
        OpenAIClient client = NuGetClient.Connect(await DemoCallAsync("", ""), http);
        ClientResultException error = await Assert.ThrowsAsync<ClientResultException>(
            () => client.GetEmbeddingClient(ClientServers.ModelId).GenerateEmbeddingAsync("Hello", cancellationToken: Token));
        Assert.Equal(400, error.Status);
        Assert.Contains("makes no embeddings", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("json")]
    [InlineData("verbose_json")]
    public async Task Speech_is_written_down(string format)
    {
        using var http = new HttpClient();
        AudioClient client = NuGetClient.Connect(await DemoCallAsync("", ""), http).GetAudioClient("whisper-1");
        await using FileStream file = File.OpenRead(Demo.Golden("audio-01.wav"));
        AudioTranscription transcription = await client.TranscribeAudioAsync(
            file, "speech.wav", new AudioTranscriptionOptions { ResponseFormat = new AudioTranscriptionFormat(format) }, Token);
        Assert.Equal("seven", transcription.Text);
        if (format == "verbose_json")
        {
            TranscribedSegment segment = Assert.Single(transcription.Segments);
            Assert.Equal(TimeSpan.Zero, segment.StartTime);
            Assert.Equal(transcription.Duration!.Value.TotalSeconds, segment.EndTime.TotalSeconds, 0.001);
        }
    }

    [Fact]
    public async Task Speech_is_written_down_as_it_is_understood()
    {
        using var http = new HttpClient();
        AudioClient client = NuGetClient.Connect(await DemoCallAsync("", ""), http).GetAudioClient(ClientServers.ModelId);
        await using FileStream file = File.OpenRead(Demo.Golden("audio-01.wav"));
        StreamingAudioTranscriptionUpdate[] updates = await client.TranscribeAudioStreamingAsync(file, "speech.wav", cancellationToken: Token).ToArrayAsync(Token);
        Assert.Equal("seven", string.Concat(updates.OfType<StreamingAudioTranscriptionTextDeltaUpdate>().Select(update => update.Delta)).Trim());
        Assert.Equal("seven", Assert.IsType<StreamingAudioTranscriptionTextDoneUpdate>(updates[^1]).Text);
    }
}

/// <summary>NuGet Microsoft.Extensions.AI.OpenAI over chat completions.</summary>
public sealed class NuGetExtensionsChatTests(ClientServers servers) : RetryingClientTests(servers)
{
    internal override ITestedClient Client { get; } = new ExtensionsOverChat();

    protected override bool HeedsErrorsInStreams => false;

    protected override (string Bad, string Unauthorized, string NotFound, string Overloaded) Errors =>
        ("ClientResultException", "ClientResultException", "ClientResultException", "ClientResultException");
}

/// <summary>NuGet Microsoft.Extensions.AI.OpenAI over responses, and the responses client itself.</summary>
public sealed class NuGetExtensionsResponsesTests(ClientServers servers) : RetryingClientTests(servers)
{
    internal override ITestedClient Client { get; } = new ExtensionsOverResponses();

    protected override bool HeedsErrorsInStreams => false;

    protected override string? FinishOfWhole => null;

    protected override bool LeavesSoundOut => true;

    protected override (string Bad, string Unauthorized, string NotFound, string Overloaded) Errors =>
        ("ClientResultException", "ClientResultException", "ClientResultException", "ClientResultException");

    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Response_is_answered_gone_on_from_and_deleted()
    {
        using var http = new HttpClient();
        ResponsesClient client = NuGetClient.Connect(await DemoCallAsync("", ""), http).GetResponsesClient();
        CreateResponseOptions options = Options("What is the capital of Peru?");
        ResponseResult first = await client.CreateResponseAsync(options, Token);
        Assert.Equal(("The capital of Peru is Lima.", ResponseStatus.Completed), (first.GetOutputText(), first.Status));
        CreateResponseOptions next = Options("What is 8 + 9?");
        next.PreviousResponseId = first.Id;
        ResponseResult second = await client.CreateResponseAsync(next, Token);
        Assert.Equal(first.Id, second.PreviousResponseId);
        Assert.True(second.Usage.InputTokenCount > first.Usage.InputTokenCount + first.Usage.OutputTokenCount);
        Assert.Equal(second.GetOutputText(), (await client.GetResponseAsync(second.Id, Token)).Value.GetOutputText());
        Assert.NotEmpty(await client.GetResponseInputItemsAsync(second.Id, Token).ToArrayAsync(Token));
        await client.DeleteResponseAsync(first.Id, Token);
        Assert.Equal(404, (await Assert.ThrowsAsync<ClientResultException>(() => client.GetResponseAsync(first.Id, Token))).Status);
    }

    [Fact]
    public async Task Updates_are_read_as_what_they_are()
    {
        using var http = new HttpClient();
        ResponsesClient client = NuGetClient.Connect(await DemoCallAsync("", ""), http).GetResponsesClient();
        CreateResponseOptions options = Options("What is the capital of Peru?");
        options.StreamingEnabled = true;
        StreamingResponseUpdate[] updates = await client.CreateResponseStreamingAsync(options, Token).ToArrayAsync(Token);
        Assert.Equal("The capital of Peru is Lima.", string.Concat(updates.OfType<StreamingResponseOutputTextDeltaUpdate>().Select(update => update.Delta)));
        Assert.Equal("The capital of Peru is Lima.", Assert.IsType<StreamingResponseCompletedUpdate>(updates[^1]).Response.GetOutputText());
        Assert.Equal(Enumerable.Range(0, updates.Length), updates.Select(update => update.SequenceNumber));
    }

    static CreateResponseOptions Options(string prompt) => new(ClientServers.ModelId, [ResponseItem.CreateUserMessageItem(prompt)])
    {
        Temperature = 0,
        MaxOutputTokenCount = 60,
        StoredOutputEnabled = true,
    };
}

/// <summary>NuGet Microsoft.Agents.AI over responses.</summary>
public sealed class NuGetAgentsTests(ClientServers servers) : RetryingClientTests(servers)
{
    internal override ITestedClient Client { get; } = new AgentsClient();

    protected override bool HeedsErrorsInStreams => false;

    protected override string? FinishOfWhole => null;

    protected override bool LeavesSoundOut => true;

    protected override (string Bad, string Unauthorized, string NotFound, string Overloaded) Errors =>
        ("ClientResultException", "ClientResultException", "ClientResultException", "ClientResultException");
}

/// <summary>NuGet Microsoft.SemanticKernel.Connectors.OpenAI.</summary>
public sealed class NuGetSemanticKernelTests(ClientServers servers) : RetryingClientTests(servers)
{
    internal override ITestedClient Client { get; } = new SemanticKernelClient();

    protected override string NotFoundInStream => "ClientResultException";

    protected override string ToolName => "plugin-weather";

    protected override bool HeedsErrorsInStreams => false;

    protected override (string Bad, string Unauthorized, string NotFound, string Overloaded) Errors =>
        ("HttpOperationException", "HttpOperationException", "HttpOperationException", "HttpOperationException");

    protected override (string Whole, string Cut) Finishes => ("Stop", "Length");
}

/// <summary>NuGet OllamaSharp.</summary>
public sealed class NuGetOllamaSharpTests(ClientServers servers) : ClientTests(servers)
{
    internal override ITestedClient Client { get; } = new OllamaSharpClient();

    protected override (string Bad, string Unauthorized, string NotFound, string Overloaded) Errors =>
        ("OllamaException", "HttpRequestException", "HttpRequestException", "HttpRequestException");

    protected override bool TellsStatus => false;

    protected override bool TellsMessage => false;

    protected override bool LeavesSoundOut => true;

    protected override bool HeedsErrorsInStreams => false;

    protected override int OverloadStatus => 503;

    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Models_are_listed_and_shown()
    {
        using var http = new HttpClient();
        using OllamaApiClient client = OllamaSharpClient.Api(await DemoCallAsync("", ""), http);
        Assert.True(await client.IsRunningAsync(Token));
        Assert.True(Version.Parse(await client.GetVersionAsync(Token)) >= new Version(0, 6, 4));
        Assert.StartsWith(ClientServers.ModelId, Assert.Single(await client.ListLocalModelsAsync(Token)).Name, StringComparison.Ordinal);
        Assert.StartsWith(ClientServers.ModelId, Assert.Single(await client.ListRunningModelsAsync(Token)).Name, StringComparison.Ordinal);
        ShowModelResponse shown = await client.ShowModelAsync(new ShowModelRequest { Model = ClientServers.ModelId }, Token);
        Assert.Equal("gemma3n", shown.Details.Family);
        Assert.Equal(["audio", "completion", "tools", "vision"], shown.Capabilities!.Order());
    }

    [Fact]
    public async Task Prompt_is_answered_as_in_a_chat()
    {
        using var http = new HttpClient();
        ClientCall call = await DemoCallAsync("", "What is the capital of Peru?");
        using OllamaApiClient client = OllamaSharpClient.Api(call, http);
        string text = "";
        await foreach (GenerateResponseStream? line in client.GenerateAsync(
            new GenerateRequest { Model = call.Model, Prompt = call.Prompt, Options = new RequestOptions { Temperature = 0, NumPredict = 60 } }, Token))
        {
            text += line?.Response;
        }

        Assert.Equal((await Servers.LibraryAsync(call)).Text, text);
    }
}

/// <summary>NuGet Anthropic.</summary>
public sealed class NuGetAnthropicTests(ClientServers servers) : RetryingClientTests(servers)
{
    internal override ITestedClient Client { get; } = new AnthropicNet();

    protected override bool LeavesSoundOut => true;

    protected override (string Bad, string Unauthorized, string NotFound, string Overloaded) Errors =>
        ("AnthropicBadRequestException", "AnthropicUnauthorizedException", "AnthropicNotFoundException", "AnthropicRateLimitException");
}
