using GemmaSharp.Extensions.AI.Tests;

namespace GemmaSharp.Server.Tests.Clients;

/// <summary>A server whose model is busy with somebody else's answer, until it is released, and lets nobody wait.</summary>
sealed class Overloaded : IAsyncDisposable
{
    readonly GemmaModel _model;
    readonly EngineWatch _watch;
    readonly RunningServer _server;
    readonly AnswerStream _other;

    Overloaded(GemmaModel model, EngineWatch watch, RunningServer server, AnswerStream other) =>
        (_model, _watch, _server, _other) = (model, watch, server, other);

    public Uri Address => _server.Address;

    public static async Task<Overloaded> StartAsync()
    {
        GemmaModel model = GemmaModel.Load(Demo.Folder, new GemmaModelOptions { MaxActive = 1, MaxQueued = 0 });
        var watch = new EngineWatch(model);
        watch.Hold();
        AnswerStream other = model.Answer(
            new GenerationRequest { Messages = [ChatMessage.User("What is 8 + 9?")], Options = new GenerationOptions { Temperature = 0, MaxTokens = 20 } });
        await other.Admitted.WaitAsync(TestContext.Current.CancellationToken);
        return new Overloaded(model, watch, await ClientServers.StartAsync(model), other);
    }

    /// <summary>Lets the other answer end.</summary>
    public void Release() => _watch.Release();

    public async ValueTask DisposeAsync()
    {
        Release();
        await _server.DisposeAsync();
        await _other.DisposeAsync();
        _model.Dispose();
        _watch.Dispose();
    }
}
