using GemmaSharp.Numerics.Matrices;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Layers;

/// <summary>Every linear layer of one model: what an adapter is checked against, and the numbering of its matrices.</summary>
/// <remarks>Filled while the model is built by one thread, then only read.</remarks>
sealed class LinearModules
{
    readonly List<LinearModule> _all = [];
    readonly HashSet<WeightMatrix> _weights = [];
    readonly Dictionary<string, LinearModule> _byPath = new(StringComparer.Ordinal);

    /// <summary>In the order in which the model was built.</summary>
    public IReadOnlyList<LinearModule> All => _all;

    /// <summary>The weights that products are computed with.</summary>
    public IReadOnlySet<WeightMatrix> Weights => _weights;

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

    /// <summary>Makes a layer of a weight, which products will be computed with.</summary>
    public Linear Create(WeightMatrix weight, string path, int inFeatures, int outFeatures, bool tied)
    {
        _weights.Add(weight);
        return new(weight, Add(path, inFeatures, outFeatures, tied));
    }

    /// <summary>Makes what the products of all layers need, rather than with the first token.</summary>
    /// <param name="team">The threads that share the work.</param>
    /// <exception cref="OutOfMemoryException">The system has not enough memory.</exception>
    public void PrepareProducts(WorkerTeam team)
    {
        foreach (WeightMatrix weight in _weights)
        {
            weight.PrepareProducts(team);
        }
    }

    /// <summary>Frees the copies that products made; none may run meanwhile.</summary>
    public void ReleaseProducts()
    {
        foreach (WeightMatrix weight in _weights)
        {
            weight.ReleaseProducts();
        }
    }

    /// <summary>Bytes of the copies that products read.</summary>
    public long PackedBytes => _weights.Sum(weight => weight.PackedBytes);

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
