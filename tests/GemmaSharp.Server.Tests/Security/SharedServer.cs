namespace GemmaSharp.Server.Tests.Security;

/// <summary>A server on the demo for the tests of one class that change nothing in it.</summary>
public sealed class SharedServer : IAsyncLifetime
{
    RunningServer? _server;

    internal RunningServer Server => _server!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server!.DisposeAsync();
}
