namespace GemmaSharp.Layers;

/// <summary>Every linear layer of one model: what an adapter is checked against, and the numbering of its matrices.</summary>
/// <remarks>Filled while the model is built by one thread, then only read.</remarks>
sealed class LinearModules
{
    readonly List<LinearModule> _all = [];
    readonly Dictionary<string, LinearModule> _byPath = new(StringComparer.Ordinal);

    /// <summary>In the order in which the model was built.</summary>
    public IReadOnlyList<LinearModule> All => _all;

    /// <summary>Adds a layer, or finds the one of this path if it was asked for before.</summary>
    public LinearModule Add(string path, int inFeatures, int outFeatures, bool tied)
    {
        if (!_byPath.TryGetValue(path, out LinearModule? module))
        {
            module = new LinearModule(_all.Count, path, inFeatures, outFeatures, tied);
            _all.Add(module);
            _byPath.Add(path, module);
        }

        return module;
    }

    /// <summary>The layer of this path, if there is one.</summary>
    public LinearModule? Find(string path) => _byPath.GetValueOrDefault(path);
}

/// <summary>A linear layer of the model, as adapters know it.</summary>
/// <param name="Index">Its number in the order in which the model was built; finds an adapter's matrices without a search.</param>
/// <param name="Path">Its canonical path, <c>language_model.layers.0.self_attn.q_proj</c>.</param>
/// <param name="InFeatures">Columns of its weight.</param>
/// <param name="OutFeatures">Rows of its weight.</param>
/// <param name="Tied">Whether its weight is also that of another module, and so cannot be changed for this one alone.</param>
sealed record LinearModule(int Index, string Path, int InFeatures, int OutFeatures, bool Tied);
