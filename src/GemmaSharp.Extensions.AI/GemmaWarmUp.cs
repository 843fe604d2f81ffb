using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace GemmaSharp.Extensions.AI;

/// <summary>Begins to load a model when the program starts, where the options say so. The program does not wait.</summary>
sealed class GemmaWarmUp(GemmaModelProvider provider, GemmaOptions options, ILoggerFactory? loggerFactory) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (options.Preload)
        {
            _ = LoadAsync();
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    async Task LoadAsync()
    {
        try
        {
            await provider.GetAsync().ConfigureAwait(false);
        }
        catch (Exception error)
        {
            ILogger logger = loggerFactory?.CreateLogger<GemmaModelProvider>() ?? NullLogger<GemmaModelProvider>.Instance;
            Log.WarmUpFailed(logger, error);
        }
    }
}
