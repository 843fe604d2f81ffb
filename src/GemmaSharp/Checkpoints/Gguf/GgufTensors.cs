using System.Globalization;

namespace GemmaSharp.Checkpoints.Gguf;

/// <summary>The tensors of a GGUF file as the model asks for them: names, shapes without padding axes, stacks taken apart.</summary>
static class GgufTensors
{
    /// <summary>Ids from here on use row 0 of the per-layer table; files pad it with rows of zeros.</summary>
    const int PerLayerRows = 262144;

    const string PerLayerTable = "language_model.embed_tokens_per_layer.weight";

    /// <summary>All tensors of a file, those that the model has no name for under their own.</summary>
    public static IEnumerable<StoredTensor> Of(WeightFile file) => file.Entries.SelectMany(entry => Of(file, entry));

    static IEnumerable<StoredTensor> Of(WeightFile file, TensorEntry entry)
    {
        if (entry.Name is GgufNames.AltupProjections or GgufNames.AltupUnembedProjections && entry.Shape.Count is 2 or 3)
        {
            string list = entry.Name == GgufNames.AltupProjections ? "language_model.altup_projections" : "language_model.altup_unembed_projections";
            return Unstacked(file, entry, list);
        }

        string name = GgufNames.Canonical(entry.Name) ?? entry.Name;
        return [new StoredTensor(file, name == PerLayerTable ? Cut(entry) : entry with { Shape = Shape(name, entry.Shape) }, name)];
    }

    static IEnumerable<StoredTensor> Unstacked(WeightFile file, TensorEntry entry, string list)
    {
        // With two AltUp streams there is one projection, whose axis of one may have been dropped.
        long count = entry.Shape.Count == 3 ? entry.Shape[0] : 1, length = entry.Length / count;
        for (int i = 0; i < Math.Min(count, 64); i++)
        {
            string number = i.ToString(CultureInfo.InvariantCulture);
            yield return new StoredTensor(
                file,
                entry with { Name = $"{entry.Name}[{number}]", Shape = [.. entry.Shape.TakeLast(2)], Offset = entry.Offset + i * length, Length = length },
                $"{list}.{number}.weight");
        }
    }

    static TensorEntry Cut(TensorEntry entry) => entry.Shape is not [> PerLayerRows, long columns] ? entry
        : entry with { Shape = [PerLayerRows, columns], Length = entry.Length / entry.Shape[0] * PerLayerRows };

    /// <summary>Some converters write vectors as kernels of one pixel, and kernels in time without their axis of one.</summary>
    static IReadOnlyList<long> Shape(string canonical, IReadOnlyList<long> shape)
    {
        bool isVector = canonical.EndsWith(".layer_scale.gamma", StringComparison.Ordinal) || canonical.EndsWith(".conv.bias", StringComparison.Ordinal);
        return isVector && shape.Count > 1 ? [.. shape.Where(size => size != 1).DefaultIfEmpty(1)]
            : canonical.EndsWith(".depthwise_conv1d.weight", StringComparison.Ordinal) && shape.Count == 2 ? [shape[0], 1, shape[1]]
            : shape;
    }
}
