using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using GemmaSharp.Extensions.AI.Tests;

namespace GemmaSharp.Server.Tests;

/// <summary>A server that listens on a free port of this machine, with the demo model or a scripted one.</summary>
sealed class RunningServer : IAsyncDisposable
{
    readonly GemmaModel? _model;

    RunningServer(GemmaServer server, GemmaModel model, GemmaModel? owned)
    {
        Server = server;
        Model = model;
        _model = owned;
        Address = server.Addresses[0];
        Http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = Address, Timeout = TimeSpan.FromMinutes(2) };
    }

    public GemmaServer Server { get; }

    public Uri Address { get; }

    /// <summary>What it serves.</summary>
    public GemmaModel Model { get; }

    public HttpClient Http { get; }

    /// <summary>Starts one on the demo model, which is loaded for it.</summary>
    public static async Task<RunningServer> StartAsync(Action<GemmaServerOptions>? configure = null, GemmaModelOptions? how = null)
    {
        GemmaModel model = GemmaModel.Load(Demo.Folder, how);
        return await StartAsync(model, configure, model);
    }

    /// <summary>Starts one on a model that the caller disposes of afterwards.</summary>
    public static Task<RunningServer> StartAsync(GemmaModel model, Action<GemmaServerOptions>? configure = null) => StartAsync(model, configure, owned: null);

    static async Task<RunningServer> StartAsync(GemmaModel model, Action<GemmaServerOptions>? configure, GemmaModel? owned)
    {
        GemmaServer server = GemmaServer.Create("127.0.0.1", 0, options =>
        {
            options.Models.Add(new GemmaServerModel(model));
            options.Drain = TimeSpan.FromSeconds(1);
            configure?.Invoke(options);
        });
        await server.StartAsync(TestContext.Current.CancellationToken);
        await server.ReadyAsync(TestContext.Current.CancellationToken);
        return new RunningServer(server, model, owned);
    }

    /// <summary>Posts JSON.</summary>
    public Task<HttpResponseMessage> PostAsync(string path, string json) =>
        Http.PostAsync(path, new StringContent(json, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);

    /// <summary>Posts JSON and reads JSON, of a status.</summary>
    public async Task<JsonNode> AskAsync(string path, string json, HttpStatusCode status = HttpStatusCode.OK)
    {
        using HttpResponseMessage response = await PostAsync(path, json);
        string text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(response.StatusCode == status, $"{(int)response.StatusCode}: {text}");
        return JsonNode.Parse(text)!;
    }

    /// <summary>Reads JSON.</summary>
    public async Task<JsonNode> GetAsync(string path) =>
        JsonNode.Parse(await Http.GetStringAsync(path, TestContext.Current.CancellationToken))!;

    /// <summary>Posts JSON and reads the data of server-sent events, to <c>[DONE]</c> where that comes.</summary>
    public async Task<IReadOnlyList<JsonNode>> StreamAsync(string path, string json)
    {
        using HttpResponseMessage response = await PostAsync(path, json);
        string text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(response.StatusCode == HttpStatusCode.OK, text);
        return [.. Events(text).Where(data => data != "[DONE]").Select(data => JsonNode.Parse(data)!)];
    }

    /// <summary>The data of server-sent events.</summary>
    public static IEnumerable<string> Events(string text) =>
        text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries).SelectMany(block => block.Split('\n')).Where(line => line.StartsWith("data: ", StringComparison.Ordinal))
            .Select(line => line["data: ".Length..]);

    /// <summary>Waits until something holds; it must within ten seconds.</summary>
    public static async Task BecomesAsync(Func<bool> holds)
    {
        for (int i = 0; i < 1000 && !holds(); i++)
        {
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }

        Assert.True(holds());
    }

    /// <summary>A chat completion's body: one question, greedy, with more fields.</summary>
    public static string Question(string text, string more = "") =>
        $$"""{"messages":[{"role":"user","content":{{JsonSerializer.Serialize(text)}}}],"temperature":0{{(more.Length > 0 ? "," : "")}}{{more}}}""";

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await Server.StopAsync();
        await Server.DisposeAsync();
        _model?.Dispose();
    }
}
