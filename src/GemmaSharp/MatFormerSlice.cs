using GemmaSharp.Checkpoints.Slices;
using GemmaSharp.Configuration;

namespace GemmaSharp;

/// <summary>A smaller model inside a larger one: layers left out, and the leading feed-forward units of those that stay.</summary>
/// <remarks>
/// E4B was trained together with E2B inside it, so its slices need no training. Only depth and feed-forward widths shrink; nothing is reordered or rescaled.
/// Source: Google's MatFormer Lab and its table of configurations for E4B. Immutable.
/// </remarks>
public sealed record MatFormerSlice
{
    /// <summary>What messages call it.</summary>
    public string Name { get; init; } = "custom";

    /// <summary>Original layers that are left out.</summary>
    public IReadOnlyList<int> Skip { get; init; } = [];

    /// <summary>Feed-forward width of each layer that stays, in final order.</summary>
    public required IReadOnlyList<int> Widths { get; init; }

    /// <summary>Google's published slices of E4B, by the names of its table.</summary>
    public static IReadOnlyDictionary<string, MatFormerSlice> Published { get; } = MatFormerTable.Read();

    /// <summary>Whether this is a row of the published table, which is for E4B alone.</summary>
    internal bool IsPublished { get; init; }

    /// <summary>A slice by its name, by widths written out, or from a table in a file.</summary>
    /// <param name="name">
    /// A name of <see cref="Published"/> or words of it in any case (<c>e2b</c>, <c>E2.54B</c>, <c>E2.98B block</c>, <c>main</c> or <c>e4b</c>);
    /// or widths with the number of their layers, and the layers left out (<c>8192*4,16384,8192*25;skip=20-24</c>);
    /// or a CSV or JSON file with columns <c>name</c>, <c>FFN Hidden Dims</c>, <c>Layers Skipped</c>, and the name of a row (<c>slices.csv#mine</c>).
    /// </param>
    /// <returns>The slice.</returns>
    /// <exception cref="SliceException">There is no such slice, several fit, or the file cannot be read.</exception>
    public static MatFormerSlice Parse(string name)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        int hash = name.LastIndexOf('#');
        string path = hash < 0 ? name : name[..hash];
        if (hash > 0 || SliceFile.IsTable(path))
        {
            return SliceNames.Find(SliceFile.Read(path), hash < 0 ? "" : name[(hash + 1)..], $"of {Path.GetFileName(path)}");
        }

        return !Published.ContainsKey(name) && MatFormerText.IsWidths(name)
            ? MatFormerText.Read(name)
            : SliceNames.Find(Published, string.Equals(name, "E4B", StringComparison.OrdinalIgnoreCase) ? "main" : name, "of the published table");
    }

    /// <summary>The configuration of the smaller model.</summary>
    /// <param name="text">The larger model's.</param>
    /// <returns>Its layers, widths, kinds, sparsity and sharing restricted to what stays.</returns>
    /// <exception cref="SliceException">The model has no such slice.</exception>
    internal TextConfig Apply(TextConfig text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int[] kept = Kept(text);
        return text with
        {
            NumHiddenLayers = kept.Length,
            IntermediateSize = Widths,
            NumKvSharedLayers = kept.Count(layer => layer >= text.FirstKvSharedLayer),
            ActivationSparsityPattern = [.. kept.Select(layer => text.ActivationSparsityPattern[layer])],
            LayerTypes = [.. kept.Select(layer => text.LayerTypes[layer])],
        };
    }

    /// <summary>The original layers that stay, ascending, after checking that the model has this slice.</summary>
    /// <exception cref="SliceException">It does not.</exception>
    internal int[] Kept(TextConfig text)
    {
        int layers = text.NumHiddenLayers;
        if (IsPublished && !MatFormerTable.IsE4B(text))
        {
            throw OtherModel(text);
        }

        foreach (int layer in Skip)
        {
            if (layer < 0 || layer >= layers)
            {
                throw Refused($"leaves out layer {layer}; the model has layers 0 to {layers - 1}");
            }
        }

        int[] kept = [.. Enumerable.Range(0, layers).Except(Skip)];
        if (Widths.Count != kept.Length || kept.Length == 0)
        {
            throw Refused($"has {Widths.Count} widths; {kept.Length} of {layers} layers stay, and each needs one width");
        }

        int[] sources = [.. Enumerable.Range(text.FirstKvSharedLayer, text.NumKvSharedLayers).Select(text.KvSourceLayer).Distinct().Order()];
        foreach (int source in sources)
        {
            if (Skip.Contains(source))
            {
                throw Refused($"leaves out layer {source}, whose keys and values later layers use; keep {(sources.Length == 1 ? "layer" : "layers")} "
                    + $"{string.Join(" and ", sources)}");
            }
        }

        for (int i = 0; i < kept.Length; i++)
        {
            int whole = text.IntermediateSize[kept[i]];
            if (Widths[i] < 1 || Widths[i] > whole)
            {
                throw Refused($"gives layer {i}{(kept[i] == i ? "" : $" (originally {kept[i]})")} a width of {Widths[i]}; the model has {whole} units there, "
                    + $"so use 1 to {whole}");
            }
        }

        return kept;
    }

    SliceException OtherModel(TextConfig text)
    {
        int[] widths = [.. text.IntermediateSize.Distinct()];
        string shape = $"{text.NumHiddenLayers} layers of {(widths.Length == 1 ? $"width {widths[0]}" : $"widths {widths.Min()} to {widths.Max()}")}";
        return Refused(text.IntermediateSize.SequenceEqual(Widths)
            ? $"is of E4B; this model has the {shape} of that slice already, so load it without one"
            : $"is of E4B, which has 35 layers of width 16384; this model has {shape}, so use an E4B checkpoint or write widths out, such as "
                + $"\"{Math.Max(1, widths.Min() / 2)}*{text.NumHiddenLayers}\"");
    }

    SliceException Refused(string problem) => new($"Slice \"{Name}\" {problem}.");
}
