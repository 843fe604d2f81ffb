namespace GemmaSharp.Extensions.AI;

/// <summary>What a client's model and its adapters are called. Immutable, thread-safe.</summary>
sealed class ModelNames(ModelSource source, GemmaChatOptions options)
{
    /// <summary>The name that answers bear when a request gives none.</summary>
    public string Default => options.ModelId ?? source.Name;

    /// <summary>The adapters that a request names with its model.</summary>
    /// <param name="modelId">As requested; null for the model as it is.</param>
    /// <exception cref="ArgumentException">No model or no adapter is called so.</exception>
    public AdapterSet? Select(string? modelId)
    {
        if (string.IsNullOrEmpty(modelId) || IsModel(modelId))
        {
            return null;
        }

        int colon = modelId.LastIndexOf(':');
        if (colon > 0 && IsModel(modelId[..colon]))
        {
            return options.Adapters.TryGetValue(modelId[(colon + 1)..], out AdapterSet? adapters) ? adapters : throw Unknown(modelId);
        }

        throw Unknown(modelId);
    }

    bool IsModel(string name) => Names().Contains(name, StringComparer.OrdinalIgnoreCase);

    IEnumerable<string> Names()
    {
        yield return Default;
        yield return source.Name;

        // Without the owner, as people say it: gemma-3n-E2B-it for google/gemma-3n-E2B-it.
        yield return Default[(Default.LastIndexOf('/') + 1)..];
        yield return source.Name[(source.Name.LastIndexOf('/') + 1)..];
        foreach (string alias in options.Aliases)
        {
            yield return alias;
        }
    }

    ArgumentException Unknown(string modelId)
    {
        string names = string.Join(", ", Names().Concat(options.Adapters.Keys.Select(name => $"{Default}:{name}")).Distinct(StringComparer.OrdinalIgnoreCase));
        return new ArgumentException($"ModelId is {modelId}, and this client has {names}; name one of these, or none.", nameof(modelId));
    }
}
