using GemmaSharp.Configuration;

namespace GemmaSharp.MatFormer;

/// <summary>What a slice does to each tensor of the text model, by canonical name.</summary>
sealed class SlicePlan
{
    readonly TextConfig _whole;
    readonly MatFormerSlice _slice;
    readonly int[] _newIndex;
    readonly IndexRange[] _perLayer;

    /// <exception cref="SliceException">The model has no such slice.</exception>
    public SlicePlan(TextConfig whole, MatFormerSlice slice)
    {
        (_whole, _slice) = (whole, slice);
        int[] kept = slice.Kept(whole);
        _newIndex = [.. Enumerable.Range(0, whole.NumHiddenLayers).Select(layer => Array.IndexOf(kept, layer))];
        int width = whole.HiddenSizePerLayerInput;
        _perLayer = [.. IndexRange.Join(kept.Select(layer => new IndexRange(layer * width, width)))];
    }

    /// <summary>The name in the smaller model; <see langword="null"/> for a tensor of a layer left out.</summary>
    public string? Rename(string name)
    {
        int layer = LayerNames.Index(name);
        return layer < 0 || layer >= _newIndex.Length ? name : _newIndex[layer] < 0 ? null : LayerNames.With(name, _newIndex[layer]);
    }

    /// <summary>The rows of a matrix that stay, by its module's original name; <see langword="null"/> for all.</summary>
    public IReadOnlyList<IndexRange>? Rows(string module) =>
        module == "language_model.per_layer_model_projection" ? _perLayer
        : Width(module, ".mlp.gate_proj") ?? Width(module, ".mlp.up_proj");

    /// <summary>The columns that stay; <see langword="null"/> for all.</summary>
    public IReadOnlyList<IndexRange>? Columns(string module) =>
        module == "language_model.embed_tokens_per_layer" ? _perLayer : Width(module, ".mlp.down_proj");

    IReadOnlyList<IndexRange>? Width(string module, string end)
    {
        int layer = module.EndsWith(end, StringComparison.Ordinal) ? LayerNames.Index(module) : -1;
        if (layer < 0 || layer >= _newIndex.Length || _newIndex[layer] < 0)
        {
            return null;
        }

        int width = _slice.Widths[_newIndex[layer]];
        return width == _whole.IntermediateSize[layer] ? null : [new IndexRange(0, width)];
    }
}
