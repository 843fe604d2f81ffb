using GemmaSharp.Checkpoints;

namespace GemmaSharp.Extensions.AI;

/// <summary>A model that is loaded when it is first wanted, once for all who want it. Thread-safe.</summary>
/// <remarks>A load that fails is reported to those who wait for it; who asks afterwards starts another one.</remarks>
public sealed class GemmaModelProvider : IDisposable, IAsyncDisposable
{
    readonly Func<GemmaModel> _load;
    readonly Lock _lock = new();

    // Guarded by the lock.
    Task<GemmaModel>? _loading;
    bool _disposed;

    /// <summary>A provider that has loaded nothing yet.</summary>
    /// <param name="options">Which model and how.</param>
    public GemmaModelProvider(GemmaOptions options)
        : this(Named(options), () => GemmaModel.Load(options.ModelPath, options.Model))
    {
    }

    internal GemmaModelProvider(string name, Func<GemmaModel> load) => (Name, _load) = (name, load);

    /// <summary>What the checkpoint is called.</summary>
    public string Name { get; }

    /// <summary>The model, where it is loaded.</summary>
    public GemmaModel? Loaded
    {
        get
        {
            lock (_lock)
            {
                return !_disposed && _loading is { IsCompletedSuccessfully: true } loaded ? loaded.Result : null;
            }
        }
    }

    /// <summary>What the last load failed with; null where none has failed, or another one is under way or has succeeded.</summary>
    public Exception? Failure
    {
        get
        {
            lock (_lock)
            {
                return _loading?.Exception?.InnerException;
            }
        }
    }

    /// <summary>The model, loaded if need be.</summary>
    /// <param name="cancellationToken">Ends waiting; the load goes on for others.</param>
    /// <exception cref="GemmaException">The checkpoint cannot be loaded.</exception>
    /// <exception cref="ObjectDisposedException">The provider has been disposed.</exception>
    public Task<GemmaModel> GetAsync(CancellationToken cancellationToken = default)
    {
        Task<GemmaModel> loading;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_loading is null or { IsFaulted: true } or { IsCanceled: true })
            {
                _loading = Task.Run(_load, CancellationToken.None);
            }

            loading = _loading;
        }

        return loading.WaitAsync(cancellationToken);
    }

    /// <summary>Ends what the model is doing and frees it; waits for a load that is under way.</summary>
    public void Dispose() => Freed().GetAwaiter().GetResult();

    /// <inheritdoc cref="Dispose"/>
    public ValueTask DisposeAsync() => new(Freed());

    static string Named(GemmaOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentException.ThrowIfNullOrEmpty(options.ModelPath);
        return CheckpointName.Of(options.ModelPath);
    }

    Task Freed()
    {
        lock (_lock)
        {
            _disposed = true;
            return _loading?.ContinueWith(Free, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default) ?? Task.CompletedTask;
        }
    }

    static void Free(Task<GemmaModel> loading)
    {
        if (loading.IsCompletedSuccessfully)
        {
            loading.Result.Dispose();
        }
        else
        {
            // Looked at, so that it is not reported as nobody's.
            _ = loading.Exception;
        }
    }
}

/// <summary>A provider's model for a client, which does not own it.</summary>
sealed class ProvidedModel(GemmaModelProvider provider) : ModelSource
{
    public override string Name => provider.Name;

    public override GemmaModel? Loaded => provider.Loaded;

    public override ValueTask<GemmaModel> GetAsync(CancellationToken cancellationToken) => new(provider.GetAsync(cancellationToken));
}
