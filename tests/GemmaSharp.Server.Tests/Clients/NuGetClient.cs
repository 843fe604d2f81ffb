using System.ClientModel;
using System.ClientModel.Primitives;
using System.ComponentModel;
using System.Text.Json;
using Anthropic.Exceptions;
using Microsoft.SemanticKernel;
using OpenAI;

namespace GemmaSharp.Server.Tests.Clients;

/// <summary>A client of NuGet; what it cannot do at all, it need not override.</summary>
abstract class NuGetClient : ITestedClient
{
    static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web);

    public async Task<ClientOutcome> AskAsync(ClientCall call, Action<int>? onStatus = null)
    {
        using var handler = new StatusHandler(onStatus);
        using var http = new HttpClient(handler);
        try
        {
            ClientAnswer answer = await (call.Case switch
            {
                "chat" => ChatAsync(call, http),
                "stream" => StreamAsync(call, http),
                "picture" => PictureAsync(call, http),
                "sound" => SoundAsync(call, http),
                "tools" => ToolsAsync(call, http, streams: false),
                "toolsStream" => ToolsAsync(call, http, streams: true),
                "schema" => SchemaAsync(call, http),
                "abort" => AbortAsync(call, http),
                _ => throw new NotSupportedException($"There is no case {call.Case}."),
            }).WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
            return new ClientOutcome(answer, null, [.. handler.Statuses]);
        }
        catch (Exception error) when (error is not TimeoutException)
        {
            return new ClientOutcome(null, Described(error), [.. handler.Statuses]);
        }
    }

    protected abstract Task<ClientAnswer> ChatAsync(ClientCall call, HttpClient http);

    protected abstract Task<ClientAnswer> StreamAsync(ClientCall call, HttpClient http);

    protected abstract Task<ClientAnswer> PictureAsync(ClientCall call, HttpClient http);

    protected abstract Task<ClientAnswer> SoundAsync(ClientCall call, HttpClient http);

    protected abstract Task<ClientAnswer> ToolsAsync(ClientCall call, HttpClient http, bool streams);

    protected abstract Task<ClientAnswer> SchemaAsync(ClientCall call, HttpClient http);

    protected abstract Task<ClientAnswer> AbortAsync(ClientCall call, HttpClient http);

    /// <summary>OpenAI's client for a server, which all that build upon it share.</summary>
    public static OpenAIClient Connect(ClientCall call, HttpClient http) => new(new ApiKeyCredential(call.Key), new OpenAIClientOptions
    {
        Endpoint = new Uri(call.Url, "v1"),
        Transport = new HttpClientPipelineTransport(http),
        RetryPolicy = new ClientRetryPolicy(call.Retries),
    });

    /// <summary>Reads pieces of text, and gives the stream up after the third.</summary>
    protected static async Task<ClientAnswer> GiveUpAsync(Func<CancellationToken, IAsyncEnumerable<string?>> texts)
    {
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        int pieces = 0;
        try
        {
            await foreach (string? text in texts(stop.Token))
            {
                if (!string.IsNullOrEmpty(text) && ++pieces == 3)
                {
                    await stop.CancelAsync();
                }
            }
        }
        catch (OperationCanceledException)
        {
            return new ClientAnswer { Pieces = pieces, End = "canceled" };
        }

        return new ClientAnswer { Pieces = pieces, End = "end" };
    }

    protected static JsonElement Json<T>(T value) => JsonSerializer.SerializeToElement(value, s_json);

    /// <summary>The tool of all tests, as a function that notes how it was called.</summary>
    protected static AIFunction Weather(List<ToolUse> calls) => AIFunctionFactory.Create(
        (string city) =>
        {
            calls.Add(new ToolUse("weather", Json(new { city })));
            return $"It is 21 degrees in {city}";
        },
        "weather", "Tells the weather.");

    static ClientError Described(Exception error)
    {
        var kinds = new List<string>();
        for (Type? type = error.GetType(); type is not null && type != typeof(object); type = type.BaseType)
        {
            kinds.Add(type.Name);
        }

        int? status = error switch
        {
            ClientResultException result => result.Status,
            HttpOperationException operation => (int?)operation.StatusCode,
            AnthropicApiException anthropic => (int)anthropic.StatusCode,
            HttpRequestException request => (int?)request.StatusCode,
            _ => null,
        };
        return new ClientError(kinds, status is 0 ? null : status, error.Message, error.ToString());
    }

    /// <summary>Notes the status of each response.</summary>
    sealed class StatusHandler(Action<int>? onStatus) : DelegatingHandler(new SocketsHttpHandler { UseProxy = false })
    {
        public List<int> Statuses { get; } = [];

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            HttpResponseMessage response = await base.SendAsync(request, cancellationToken);
            Statuses.Add((int)response.StatusCode);
            onStatus?.Invoke((int)response.StatusCode);
            return response;
        }
    }
}

/// <summary>What clients are to answer in the form of.</summary>
[Description("A place.")]
sealed record Place(CapitalCity Capital, bool Sure);

[System.Text.Json.Serialization.JsonConverter(typeof(System.Text.Json.Serialization.JsonStringEnumConverter<CapitalCity>))]
enum CapitalCity
{
    Lima,
    Quito,
}
