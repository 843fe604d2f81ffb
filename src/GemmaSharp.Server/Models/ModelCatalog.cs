using GemmaSharp.Extensions.AI;
using GemmaSharp.Server.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace GemmaSharp.Server.Models;

/// <summary>The models that are served. Thread-safe.</summary>
sealed class ModelCatalog : IDisposable
{
    readonly ServedModel[] _models;

    /// <summary>The options' models, or the program's own.</summary>
    /// <exception cref="InvalidOperationException">There are none.</exception>
    /// <exception cref="ArgumentException">Two have the same name.</exception>
    public ModelCatalog(IOptions<GemmaServerOptions> options, IServiceProvider services)
    {
        _models = options.Value.Models.Count > 0
            ? [.. options.Value.Models.Select(model => new ServedModel(model))]
            : services.GetService<GemmaModelProvider>() is GemmaModelProvider provider
                ? [new ServedModel(provider.Name, provider.GetAsync)]
                : throw new InvalidOperationException(
                    "There is no model to serve; add one to the server's options, or to the services with AddGemmaModel.");
        string? twice = _models.SelectMany(model => model.Aliases.Append(model.Id)).GroupBy(name => name, StringComparer.OrdinalIgnoreCase)
            .FirstOrDefault(group => group.Count() > 1)?.Key;
        if (twice is not null)
        {
            throw new ArgumentException($"Two models are called {twice}; give each an id or alias of its own.", nameof(options));
        }
    }

    /// <summary>All of them.</summary>
    public IReadOnlyList<ServedModel> Models => _models;

    /// <summary>Whether all are loaded.</summary>
    public bool IsReady => Array.TrueForAll(_models, model => model.Model is not null);

    /// <summary>What requests may ask for: models, and models with an adapter.</summary>
    public IEnumerable<string> Ids => _models.SelectMany(model => model.Adapters.Keys.Select(adapter => $"{model.Id}:{adapter}").Prepend(model.Id));

    /// <summary>Loads all that are not loaded yet, one after another.</summary>
    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        foreach (ServedModel model in _models)
        {
            await model.LoadAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>What a request asks for.</summary>
    /// <param name="name">As requested; null or empty for the first model.</param>
    /// <param name="hasTags">Whether <c>:latest</c> after the name says nothing, as with Ollama.</param>
    /// <exception cref="ApiException">There is nothing of this name, or it is not loaded yet.</exception>
    public SelectedModel Select(string? name, bool hasTags = false)
    {
        string? wanted = hasTags && name?.EndsWith(":latest", StringComparison.OrdinalIgnoreCase) == true ? name[..^":latest".Length] : name;
        if (string.IsNullOrEmpty(wanted))
        {
            return Selected(_models[0], null, _models[0].Id);
        }

        foreach (ServedModel model in _models)
        {
            if (model.IsCalled(wanted))
            {
                return Selected(model, null, name!);
            }

            int colon = wanted.LastIndexOf(':');
            if (colon > 0 && model.IsCalled(wanted[..colon]) && model.Adapters.TryGetValue(wanted[(colon + 1)..], out AdapterSet? adapters))
            {
                return Selected(model, adapters, name!);
            }
        }

        string shown = Strangers.Shown(wanted);
        throw new ApiException(
            StatusCodes.Status404NotFound, ApiException.InvalidRequest,
            hasTags ? $"model '{shown}' not found; there is {string.Join(", ", Ids)}" : $"There is no model {shown}; there is {string.Join(", ", Ids)}.",
            "model", "model_not_found");
    }

    public void Dispose()
    {
        foreach (ServedModel model in _models.Where(model => model.IsOwned))
        {
            model.Model?.Dispose();
        }
    }

    static SelectedModel Selected(ServedModel served, AdapterSet? adapters, string name) => new(served, served.Model ?? throw Loading(), adapters, name);

    /// <summary>What is said while a model is being loaded.</summary>
    public static ApiException Loading() => new(
        StatusCodes.Status503ServiceUnavailable, "unavailable_error", "Loading model", null, "503", TimeSpan.FromSeconds(2));
}

/// <summary>What a request asked for.</summary>
/// <param name="Served">Which model.</param>
/// <param name="Model">The model itself.</param>
/// <param name="Adapters">What is added to it; null for nothing.</param>
/// <param name="Name">As requested, which is what the answer says.</param>
sealed record SelectedModel(ServedModel Served, GemmaModel Model, AdapterSet? Adapters, string Name);
