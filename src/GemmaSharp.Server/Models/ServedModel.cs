using GemmaSharp.Checkpoints;

namespace GemmaSharp.Server.Models;

/// <summary>A model that is served: its names, the model once it is loaded, its adapters. Thread-safe.</summary>
sealed class ServedModel
{
    readonly GemmaServerModel? _configured;
    readonly Func<CancellationToken, Task<GemmaModel>> _load;
    IReadOnlyDictionary<string, AdapterSet> _adapters = new Dictionary<string, AdapterSet>();
    volatile GemmaModel? _model;

    /// <summary>One of the options' models.</summary>
    public ServedModel(GemmaServerModel configured)
    {
        _configured = configured;
        _load = configured.Loaded is GemmaModel loaded
            ? _ => Task.FromResult(loaded)
            : cancellationToken => Task.Run(() => GemmaModel.Load(configured.Path!, configured.Options), cancellationToken);
        Id = configured.Id ?? configured.Loaded?.Name ?? CheckpointName.Of(configured.Path!);
        Aliases = [.. configured.Aliases];
    }

    /// <summary>One of the program's services, which loads it when it is wanted.</summary>
    public ServedModel(string name, Func<CancellationToken, Task<GemmaModel>> load) => (_load, Id, Aliases) = (load, name, []);

    /// <summary>What answers say.</summary>
    public string Id { get; }

    /// <summary>Other names for it.</summary>
    public IReadOnlyList<string> Aliases { get; }

    /// <summary>When it was made known.</summary>
    public DateTimeOffset Created { get; } = DateTimeOffset.UtcNow;

    /// <summary>The model; null while it is not loaded.</summary>
    public GemmaModel? Model => _model;

    /// <summary>Adapters by name.</summary>
    public IReadOnlyDictionary<string, AdapterSet> Adapters => Volatile.Read(ref _adapters);

    /// <summary>Whether the server has loaded it and disposes of it.</summary>
    public bool IsOwned => _configured is { Loaded: null };

    /// <summary>Loads the model and its adapters.</summary>
    public async Task<GemmaModel> LoadAsync(CancellationToken cancellationToken)
    {
        GemmaModel model = await _load(cancellationToken).ConfigureAwait(false);
        if (_model is null)
        {
            if (_configured is { Adapters.Count: > 0 } configured)
            {
                Volatile.Write(ref _adapters, await Task.Run(() => LoadAdapters(model, configured), cancellationToken).ConfigureAwait(false));
            }

            _model = model;
        }

        return model;
    }

    /// <summary>Whether a request that says this means the model itself. Case does not matter, nor does the owner before the name.</summary>
    public bool IsCalled(string name) => Names().Contains(name, StringComparer.OrdinalIgnoreCase);

    /// <summary>Everything that a request may call it.</summary>
    IEnumerable<string> Names()
    {
        foreach (string name in (string[])[Id, .. Aliases, .. _model is GemmaModel model ? [model.Name] : (string[])[]])
        {
            yield return name;
            yield return name[(name.LastIndexOf('/') + 1)..];
        }
    }

    static Dictionary<string, AdapterSet> LoadAdapters(GemmaModel model, GemmaServerModel configured) => configured.Adapters.ToDictionary(
        adapter => adapter.Key,
        adapter => new AdapterSet(adapter.Value.Select(each => new WeightedAdapter(model.LoadAdapter(each.Folder), each.Weight))),
        StringComparer.OrdinalIgnoreCase);
}
