using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;

namespace GemmaSharp.Checkpoints.Adapters;

/// <summary>Adds adapters to the weights themselves, some rows at a time: <c>W + Σ weight · s · B · A</c>.</summary>
/// <remarks>Computed in float32, adapter by adapter and rank by rank in ascending order, so that cutting the rows differently gives the same bits. Immutable,
/// thread-safe.</remarks>
sealed class LoraMerge
{
    readonly Dictionary<string, List<(LoraPair Pair, float Weight)>> _modules = new(StringComparer.Ordinal);

    /// <summary>Prepares a merge.</summary>
    /// <param name="adapters">Adapters of one base, in the order in which they are added; those of weight 0 are left out.</param>
    /// <exception cref="AdapterException">One changes a layer that shares its weight with another module, which a merge would change too.</exception>
    /// <exception cref="ArgumentException">A weight is not finite, or the adapters are of different bases.</exception>
    public LoraMerge(params IEnumerable<WeightedAdapter> adapters)
    {
        ArgumentNullException.ThrowIfNull(adapters);
        foreach (WeightedAdapter weighted in new AdapterSet(adapters).Adapters)
        {
            foreach (LoraPair pair in weighted.Adapter.Pairs)
            {
                if (pair.Module.Tied)
                {
                    throw new AdapterException(
                        $"The adapter in {weighted.Adapter.Folder} changes {pair.Module.Path}, whose weight is that of embed_tokens here; apply the adapter "
                            + $"at run time, where only the head changes.");
                }

                if (!_modules.TryGetValue(pair.Module.Path, out List<(LoraPair, float)>? terms))
                {
                    _modules[pair.Module.Path] = terms = [];
                }

                terms.Add((pair, weighted.Weight * pair.Scale));
            }
        }
    }

    /// <summary>Canonical paths of the layers that change: <c>language_model.layers.0.self_attn.q_proj</c>.</summary>
    public IReadOnlyCollection<string> Modules => _modules.Keys;

    /// <summary>Whether the layer of this canonical path changes.</summary>
    public bool Contains(string module) => _modules.ContainsKey(module);

    /// <summary>Adds the change to some rows of a layer's weight; nothing where the layer does not change.</summary>
    /// <param name="module">Canonical path of the layer.</param>
    /// <param name="firstRow">Number of the first row, from 0.</param>
    /// <param name="weights">Whole rows of the base's weight, <c>[rows, in]</c>; changed in place.</param>
    /// <exception cref="ArgumentException">The rows are not whole, or not all in the layer.</exception>
    public void AddTo(string module, int firstRow, Span<float> weights)
    {
        ArgumentNullException.ThrowIfNull(module);
        if (!_modules.TryGetValue(module, out List<(LoraPair Pair, float Scale)>? terms))
        {
            return;
        }

        LinearModule layer = terms[0].Pair.Module;
        (int rows, int rest) = Math.DivRem(weights.Length, layer.InFeatures);
        if (rest != 0 || firstRow < 0 || rows > layer.OutFeatures - firstRow)
        {
            throw new ArgumentException(
                $"{weights.Length} weights from row {firstRow} on were given; {module} has {layer.OutFeatures} rows of {layer.InFeatures}.", nameof(weights));
        }

        foreach ((LoraPair pair, float scale) in terms)
        {
            for (int row = 0; row < rows; row++)
            {
                Span<float> w = weights.Slice(row * layer.InFeatures, layer.InFeatures);
                for (int k = 0; k < pair.Rank; k++)
                {
                    float factor = scale * pair.Up[((long)k * layer.OutFeatures) + firstRow + row];
                    VectorMath.MultiplyAdd(pair.Down.AsSpan(k * layer.InFeatures, layer.InFeatures), factor, w, w);
                }
            }
        }
    }
}
