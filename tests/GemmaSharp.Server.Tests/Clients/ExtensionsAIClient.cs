using System.Text.Json;
using Anthropic;
using Anthropic.Models.Messages;
using Microsoft.Agents.AI;
using OllamaSharp;

namespace GemmaSharp.Server.Tests.Clients;

/// <summary>A client by way of <see cref="IChatClient"/>.</summary>
abstract class ExtensionsAIClient : NuGetClient
{
    protected abstract IChatClient Make(ClientCall call, HttpClient http);

    protected virtual ChatOptions Options(ClientCall call) => new() { ModelId = call.Model, Temperature = (float)call.Temperature, MaxOutputTokens = call.MaxTokens };

    protected override async Task<ClientAnswer> ChatAsync(ClientCall call, HttpClient http) =>
        Told(await Make(call, http).GetResponseAsync(call.Prompt, Options(call), Token));

    protected override async Task<ClientAnswer> StreamAsync(ClientCall call, HttpClient http) =>
        Told(await Make(call, http).GetStreamingResponseAsync(call.Prompt, Options(call), Token).ToListAsync(Token));

    protected override Task<ClientAnswer> PictureAsync(ClientCall call, HttpClient http) => MediaAsync(call, http);

    protected override Task<ClientAnswer> SoundAsync(ClientCall call, HttpClient http) => MediaAsync(call, http);

    protected override async Task<ClientAnswer> ToolsAsync(ClientCall call, HttpClient http, bool streams)
    {
        var calls = new List<ToolUse>();
        using IChatClient client = Make(call, http).AsBuilder().UseFunctionInvocation().Build();
        ChatOptions options = Options(call);
        options.Tools = [Weather(calls)];
        ClientAnswer answer = streams
            ? Told(await client.GetStreamingResponseAsync(call.Prompt, options, Token).ToListAsync(Token))
            : Told(await client.GetResponseAsync(call.Prompt, options, Token));
        return answer with { Calls = calls };
    }

    protected override async Task<ClientAnswer> SchemaAsync(ClientCall call, HttpClient http)
    {
        ChatResponse<Place> response = await Make(call, http).GetResponseAsync<Place>(call.Prompt, Options(call), cancellationToken: Token);
        return Told(response) with { Value = Json(response.Result) };
    }

    protected override Task<ClientAnswer> AbortAsync(ClientCall call, HttpClient http) => GiveUpAsync(
        stop => Make(call, http).GetStreamingResponseAsync(call.Prompt, Options(call), stop).Select(update => (string?)update.Text));

    protected static CancellationToken Token => TestContext.Current.CancellationToken;

    async Task<ClientAnswer> MediaAsync(ClientCall call, HttpClient http) => Told(await Make(call, http).GetResponseAsync(
        [new AIMessage(ChatRole.User, [new DataContent(call.Media, call.MediaType!), new TextContent(call.Prompt)])], Options(call), Token));

    static ClientAnswer Told(List<ChatResponseUpdate> updates) => Told(updates.ToChatResponse()) with
    {
        Pieces = updates.Count(update => update.Text.Length > 0),
    };

    static ClientAnswer Told(ChatResponse response) => new()
    {
        // After tools were called, the answer is the last message.
        Text = response.Messages[^1].Text,
        Finish = response.FinishReason?.Value,
        Input = (int?)response.Usage?.InputTokenCount,
        Output = (int?)response.Usage?.OutputTokenCount,
    };
}

/// <summary>Microsoft.Extensions.AI.OpenAI over chat completions.</summary>
sealed class ExtensionsOverChat : ExtensionsAIClient
{
    protected override IChatClient Make(ClientCall call, HttpClient http) => Connect(call, http).GetChatClient(call.Model).AsIChatClient();
}

/// <summary>Microsoft.Extensions.AI.OpenAI over responses.</summary>
sealed class ExtensionsOverResponses : ExtensionsAIClient
{
    protected override IChatClient Make(ClientCall call, HttpClient http) => Connect(call, http).GetResponsesClient().AsIChatClient(call.Model);
}

/// <summary>OllamaSharp.</summary>
sealed class OllamaSharpClient : ExtensionsAIClient
{
    public static OllamaApiClient Api(ClientCall call, HttpClient http)
    {
        http.BaseAddress = call.Url;
        http.DefaultRequestHeaders.Authorization = new System.Net.Http.Headers.AuthenticationHeaderValue("Bearer", call.Key);
        return new OllamaApiClient(http, call.Model);
    }

    protected override IChatClient Make(ClientCall call, HttpClient http) => Api(call, http);
}

/// <summary>Anthropic's own client for .NET.</summary>
sealed class AnthropicNet : ExtensionsAIClient
{
    // Its own parameters know no temperature any more, and that of ChatOptions it leaves out.
    protected override ChatOptions Options(ClientCall call) => new()
    {
        RawRepresentationFactory = _ => MessageCreateParams.FromRawUnchecked(
            new Dictionary<string, JsonElement>(), new Dictionary<string, JsonElement>(), new Dictionary<string, JsonElement>
            {
                ["model"] = Json(call.Model),
                ["max_tokens"] = Json(call.MaxTokens),
                ["messages"] = Json(Array.Empty<int>()),
                ["temperature"] = Json(call.Temperature),
            }),
    };

    protected override IChatClient Make(ClientCall call, HttpClient http) =>
        new AnthropicClient { HttpClient = http, BaseUrl = call.Url.ToString().TrimEnd('/'), ApiKey = call.Key, MaxRetries = call.Retries }.AsIChatClient(call.Model);
}

/// <summary>Agents over responses, as the framework's own examples have it.</summary>
sealed class AgentsClient : NuGetClient
{
    protected override async Task<ClientAnswer> ChatAsync(ClientCall call, HttpClient http) =>
        Told(await Make(call, http).RunAsync(call.Prompt, cancellationToken: Token));

    protected override async Task<ClientAnswer> StreamAsync(ClientCall call, HttpClient http) =>
        Told(await Make(call, http).RunStreamingAsync(call.Prompt, cancellationToken: Token).ToListAsync(Token));

    protected override async Task<ClientAnswer> PictureAsync(ClientCall call, HttpClient http) => Told(await Make(call, http).RunAsync(
        new AIMessage(ChatRole.User, [new DataContent(call.Media, call.MediaType!), new TextContent(call.Prompt)]), cancellationToken: Token));

    protected override Task<ClientAnswer> SoundAsync(ClientCall call, HttpClient http) => PictureAsync(call, http);

    protected override async Task<ClientAnswer> ToolsAsync(ClientCall call, HttpClient http, bool streams)
    {
        var calls = new List<ToolUse>();
        ChatClientAgent agent = Make(call, http, Weather(calls));
        AgentSession session = await agent.CreateSessionAsync(Token);
        ClientAnswer answer = streams
            ? Told(await agent.RunStreamingAsync(call.Prompt, session, cancellationToken: Token).ToListAsync(Token))
            : Told(await agent.RunAsync(call.Prompt, session, cancellationToken: Token));
        return answer with { Calls = calls };
    }

    protected override async Task<ClientAnswer> SchemaAsync(ClientCall call, HttpClient http)
    {
        AgentResponse<Place> response = await Make(call, http).RunAsync<Place>(call.Prompt, cancellationToken: Token);
        return Told(response) with { Value = Json(response.Result) };
    }

    protected override Task<ClientAnswer> AbortAsync(ClientCall call, HttpClient http) => GiveUpAsync(
        stop => Make(call, http).RunStreamingAsync(call.Prompt, cancellationToken: stop).Select(update => (string?)update.Text));

    static CancellationToken Token => TestContext.Current.CancellationToken;

    static ChatClientAgent Make(ClientCall call, HttpClient http, params IList<AITool> tools) => new(
        Connect(call, http).GetResponsesClient().AsIChatClient(call.Model),
        new ChatClientAgentOptions
        {
            ChatOptions = new ChatOptions
            {
                Temperature = (float)call.Temperature,
                MaxOutputTokens = call.MaxTokens,
                Tools = tools.Count > 0 ? tools : null,
            },
        });

    static ClientAnswer Told(List<AgentResponseUpdate> updates) => Told(updates.ToAgentResponse()) with { Pieces = updates.Count(update => update.Text.Length > 0) };

    static ClientAnswer Told(AgentResponse response) => new()
    {
        Text = response.Messages[^1].Text,
        Finish = response.FinishReason?.Value,
        Input = (int?)response.Usage?.InputTokenCount,
        Output = (int?)response.Usage?.OutputTokenCount,
    };
}
