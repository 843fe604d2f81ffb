namespace GemmaSharp.Hub;

/// <summary>Models by the names of their repositories.</summary>
public static class GemmaModelExtensions
{
    extension(GemmaModel)
    {
        /// <summary>Loads a model by its repository's name: from the cache where it is whole, without a request, and else after downloading it.</summary>
        /// <param name="model"><c>ORG/NAME</c>, <c>ORG/NAME@REVISION</c>, <c>ORG/NAME:Q4_K_M</c>, a short name of <see cref="KnownModel"/>,
        /// <c>ollama:NAME</c> of one in Ollama's store, with its system text, turns and parameters, or a folder.</param>
        /// <param name="options">How it is loaded; null for the defaults.</param>
        /// <param name="hub">Which hub and cache; null for what the environment says.</param>
        /// <param name="progress">Told how far downloading is, on any thread; null for nobody.</param>
        /// <param name="cancellationToken">Ends downloading; what has arrived stays for the next time.</param>
        /// <exception cref="HubException">It is not in the cache and cannot be downloaded.</exception>
        /// <exception cref="CheckpointException">It is no checkpoint that fits; its report has every finding.</exception>
        /// <exception cref="ConfigurationException">The configuration is of another model, or impossible.</exception>
        /// <exception cref="TokenizerException">The tokenizer's files cannot be used.</exception>
        /// <exception cref="ArgumentException">An option is out of its range.</exception>
        public static async Task<GemmaModel> LoadAsync(
            string model,
            GemmaModelOptions? options = null,
            HubOptions? hub = null,
            IProgress<PullProgress>? progress = null,
            CancellationToken cancellationToken = default)
        {
            ArgumentException.ThrowIfNullOrEmpty(model);
            options?.Validate();
            if (model.StartsWith(OllamaStore.Scheme, StringComparison.Ordinal) && !Path.Exists(model))
            {
                OllamaModel stored = new OllamaStore().Find(model[OllamaStore.Scheme.Length..]);
                options ??= new GemmaModelOptions();
                options = options with { Projector = options.Projector ?? stored.Projector, Defaults = options.Defaults ?? stored.Defaults };
                return await Task.Run(() => GemmaModel.Load(stored.Path, options), cancellationToken).ConfigureAwait(false);
            }

            string path = await LocateAsync(model, hub, progress, cancellationToken).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            return await Task.Run(() => GemmaModel.Load(path, options), cancellationToken).ConfigureAwait(false);
        }
    }

    static async Task<string> LocateAsync(string model, HubOptions? hub, IProgress<PullProgress>? progress, CancellationToken cancellationToken)
    {
        if (Path.Exists(model))
        {
            return model;
        }

        HubReference reference = HubReference.Parse(model);
        if (new HubCache(hub).Find(reference) is string cached)
        {
            return cached;
        }

        using var client = new HubClient(hub);
        return (await client.PullAsync(reference, null, progress, cancellationToken).ConfigureAwait(false)).Path;
    }
}
