using GemmaSharp.Server.Models;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace GemmaSharp.Server;

/// <summary>Loads the models once the server listens, and lets answers end before it stops listening.</summary>
sealed partial class ServerLifetime(
    ModelCatalog catalog, ServerState state, GemmaServerOptions options, IHostApplicationLifetime lifetime, IServer server, ILogger<GemmaServer> logger)
    : IHostedLifecycleService, IDisposable
{
    readonly CancellationTokenSource _stopping = new();
    readonly TaskCompletionSource _loaded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    Task _loading = Task.CompletedTask;

    /// <summary>What loading failed with; null for nothing.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>Completes when loading has ended, well or not.</summary>
    public Task Loaded => _loaded.Task;

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        WarnOfOpenDoor();
        _loading = LoadAsync();
        return Task.CompletedTask;
    }

    // Before the listeners are closed, so that who asks for its health is told.
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await state.StopAsync(options.Drain, cancellationToken).ConfigureAwait(false);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => _loading;

    public void Dispose() => _stopping.Dispose();

    /// <summary>Says that no key is asked for where others than this machine may come.</summary>
    void WarnOfOpenDoor()
    {
        if (options.ApiKeys.Count > 0 || server.Features.Get<IServerAddressesFeature>() is not { } addresses)
        {
            return;
        }

        foreach (string address in addresses.Addresses)
        {
            // A name that stands for all addresses, such as * or +, is no URL.
            if (!Uri.TryCreate(address, UriKind.Absolute, out Uri? uri) || GemmaServer.IsPublic(uri.Host))
            {
                OpenDoor(address);
                return;
            }
        }
    }

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "No key is needed on {Address}, which others than this machine may reach; add one to ApiKeys, or listen on localhost")]
    partial void OpenDoor(string address);

    async Task LoadAsync()
    {
        try
        {
            await catalog.LoadAsync(_stopping.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // The server ends before it was ready.
        }
        catch (Exception error)
        {
            Failure = error;
            lifetime.StopApplication();
        }
        finally
        {
            _loaded.SetResult();
        }
    }
}
