using GemmaSharp.Configuration;

namespace GemmaSharp.Checkpoints.Slices;

/// <summary>Google's table of E4B slices: all layers 8192 wide but those listed, which are 16384.</summary>
static class MatFormerTable
{
    const int Layers = 35, Narrow = 8192, Wide = 16384;

    static readonly (string Name, string Skip, string WideLayers)[] s_rows =
    [
        ("Main model", "", "0-34"),
        ("Config for official E2B Model", "20-24", ""),
        ("Config for E1.96B (layer-level)", "20-24", "4"),
        ("Config for E2.54B (layer-level)", "", "4,20-24"),
        ("Config for E2.69B (layer-level)", "", "4,9,14,19,20-24"),
        ("Config for E2.98B (layer-level)", "", "15-24,30-34"),
        ("Config for E3.18B (layer-level)", "", "4,9-24,29,34"),
        ("Config for E3.39B (layer-level)", "", "4,9-29,34"),
        ("Config for E3.59B (layer-level)", "", "4-29,34"),
        ("Config for E3.79B (layer-level)", "", "4-34"),
        ("Config for E2.49B (block-level)", "", "20-24"),
        ("Config for E2.73B (block-level)", "", "15-24"),
        ("Config for E2.98B (block-level)", "", "10-24"),
        ("Config for E3.24B (block-level)", "", "10-29"),
        ("Config for E3.49B (block-level)", "", "5-29"),
        ("Config for E3.79B (block-level)", "", "5-34"),
    ];

    /// <summary>Whether a model is one that the table's slices are of.</summary>
    public static bool IsE4B(TextConfig text) => text.NumHiddenLayers == Layers && text.IntermediateSize.All(width => width == Wide);

    /// <summary>The slices by name.</summary>
    public static IReadOnlyDictionary<string, MatFormerSlice> Read()
    {
        Dictionary<string, MatFormerSlice> slices = new(StringComparer.Ordinal);
        foreach ((string name, string skip, string wideLayers) in s_rows)
        {
            int[] skipped = MatFormerText.Numbers(skip), wide = MatFormerText.Numbers(wideLayers);
            int[] widths = [.. Enumerable.Range(0, Layers - skipped.Length).Select(layer => wide.Contains(layer) ? Wide : Narrow)];
            slices.Add(name, new MatFormerSlice { Name = name, Skip = skipped, Widths = widths, IsPublished = true });
        }

        return slices;
    }
}
