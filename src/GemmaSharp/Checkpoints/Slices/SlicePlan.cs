using System.Globalization;
using GemmaSharp.Configuration;

namespace GemmaSharp.Checkpoints.Slices;

/// <summary>What a slice does to each tensor of the text model, by canonical name.</summary>
sealed class SlicePlan
{
    readonly TextConfig _whole;
    readonly MatFormerSlice _slice;
    readonly int[] _kept;
    readonly int[] _newIndex;
    readonly IndexRange[] _perLayer;

    /// <exception cref="SliceException">The model has no such slice.</exception>
    public SlicePlan(TextConfig whole, MatFormerSlice slice)
    {
        (_whole, _slice) = (whole, slice);
        _kept = slice.Kept(whole);
        _newIndex = [.. Enumerable.Range(0, whole.NumHiddenLayers).Select(layer => Array.IndexOf(_kept, layer))];
        int width = whole.HiddenSizePerLayerInput;
        _perLayer = [.. IndexRange.Join(_kept.Select(layer => new IndexRange(layer * width, width)))];
    }

    /// <summary>The slice.</summary>
    public MatFormerSlice Slice => _slice;

    /// <summary>The name in the smaller model; <see langword="null"/> for a tensor of a layer left out.</summary>
    public string? Rename(string name)
    {
        int layer = LayerNames.Index(name);
        return layer < 0 || layer >= _newIndex.Length ? name : _newIndex[layer] < 0 ? null : LayerNames.With(name, _newIndex[layer]);
    }

    /// <summary>The name in the larger model of a name in the smaller one.</summary>
    public string Original(string name)
    {
        int layer = LayerNames.Index(name);
        return layer < 0 || layer >= _kept.Length ? name : LayerNames.With(name, _kept[layer]);
    }

    /// <summary>What a matrix of the smaller model is of the stored one; <see langword="null"/> for all of it.</summary>
    /// <param name="module">Its name in the smaller model.</param>
    /// <param name="shape">Its rows and columns in the smaller model.</param>
    public MatrixSelection? Selection(string module, IReadOnlyList<long> shape)
    {
        string original = Original(module);
        IReadOnlyList<IndexRange>? rows = Rows(original), columns = Columns(original);
        int layer = LayerNames.Index(original);
        int whole = layer < 0 ? _whole.NumHiddenLayers * _whole.HiddenSizePerLayerInput : _whole.IntermediateSize[layer];
        return (rows ?? columns) is not { } cut || cut[0].Count == whole ? null
            : rows is not null ? new MatrixSelection(rows, [new IndexRange(0, (int)shape[1])], [whole, shape[1]])
            : new MatrixSelection([new IndexRange(0, (int)shape[0])], columns!, [shape[0], whole]);
    }

    /// <summary>One sentence: what the slice is of.</summary>
    public string Describe() => string.Create(
        CultureInfo.InvariantCulture,
        $"The model is the slice \"{_slice.Name}\": {_kept.Length} of {_whole.NumHiddenLayers} layers and {_slice.Widths.Sum(width => (long)width):N0} of "
            + $"{_whole.IntermediateSize.Sum(width => (long)width):N0} feed-forward units; the rest of the file is not used.");

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
