using System.Globalization;
using GemmaSharp.Configuration;

namespace GemmaSharp.MatFormer;

/// <summary>A smaller model inside a larger one: layers left out, and the leading feed-forward units of those that stay.</summary>
/// <remarks>Source: Google's MatFormer Lab and its table of configurations for E4B. Immutable.</remarks>
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

    /// <summary>A published slice by its name, or by the size in it: <c>E2.54B</c>, <c>e2b</c>, with <c>block</c> or <c>layer</c> where two have one size.</summary>
    /// <param name="name">A name of <see cref="Published"/>, its size, or widths and layers written out: <c>8192*30;skip=20-24</c>.</param>
    /// <returns>The slice.</returns>
    /// <exception cref="SliceException">There is no such slice, or two fit.</exception>
    public static MatFormerSlice Parse(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (Published.TryGetValue(name, out MatFormerSlice? exact))
        {
            return exact;
        }

        if (char.IsAsciiDigit(name[0]))
        {
            return MatFormerText.Read(name);
        }

        string[] words = name.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        MatFormerSlice[] found = [.. Published.Values.Where(slice => words.All(word => slice.Name.Contains(word, StringComparison.OrdinalIgnoreCase)))];
        return found.Length switch
        {
            1 => found[0],
            0 => throw new SliceException($"There is no slice {name}; use a size such as E2B, E1.96B, E2.54B … E3.79B, or widths such as \"8192*30;skip=20-24\"."),
            _ => throw new SliceException($"The name {name} fits {string.Join(" and ", found.Select(slice => $"\"{slice.Name}\""))}; add \"layer\" or \"block\"."),
        };
    }

    /// <summary>The configuration of the smaller model.</summary>
    /// <param name="text">The larger model's.</param>
    /// <returns>Its layers, widths, kinds, sparsity and sharing restricted to what stays.</returns>
    /// <exception cref="SliceException">The model has no such slice.</exception>
    public TextConfig Apply(TextConfig text)
    {
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
    internal int[] Kept(TextConfig text)
    {
        int layers = text.NumHiddenLayers;
        foreach (int layer in Skip)
        {
            if (layer < 0 || layer >= layers)
            {
                throw new SliceException($"Slice {Name} leaves out layer {layer}; the model has layers 0 to {layers - 1}.");
            }
        }

        int[] kept = [.. Enumerable.Range(0, layers).Except(Skip)];
        if (Widths.Count != kept.Length)
        {
            throw new SliceException($"Slice {Name} has {Widths.Count} widths; {kept.Length} layers stay of {layers}, and each needs one.");
        }

        int[] sources = [.. Enumerable.Range(text.FirstKvSharedLayer, text.NumKvSharedLayers).Select(text.KvSourceLayer).Distinct().Order()];
        foreach (int source in sources)
        {
            if (Skip.Contains(source))
            {
                throw new SliceException($"Slice {Name} leaves out layer {source}, whose keys and values later layers use; keep layers {string.Join(" and ", sources)}.");
            }
        }

        for (int i = 0; i < kept.Length; i++)
        {
            int whole = text.IntermediateSize[kept[i]];
            if (Widths[i] < 1 || Widths[i] > whole)
            {
                throw new SliceException(string.Create(
                    CultureInfo.InvariantCulture, $"Slice {Name} gives layer {i} (originally {kept[i]}) a width of {Widths[i]}; the model has {whole} units there, so use 1 to {whole}."));
            }
        }

        return kept;
    }
}
