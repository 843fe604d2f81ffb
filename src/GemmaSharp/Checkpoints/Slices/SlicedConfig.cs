using System.Globalization;
using GemmaSharp.Configuration;

namespace GemmaSharp.Checkpoints.Slices;

/// <summary>A checkpoint's configuration with a slice applied, and where the changed values come from.</summary>
static class SlicedConfig
{
    /// <exception cref="SliceException">The model has no such slice.</exception>
    public static Gemma3nConfig Of(Gemma3nConfig config, MatFormerSlice slice)
    {
        TextConfig whole = config.TextConfig, text = slice.Apply(whole);
        Dictionary<string, string> changed = new(StringComparer.Ordinal);
        Note("num_hidden_layers", [whole.NumHiddenLayers], [text.NumHiddenLayers], isList: false);
        Note("intermediate_size", whole.IntermediateSize, text.IntermediateSize);
        Note("num_kv_shared_layers", [whole.NumKvSharedLayers], [text.NumKvSharedLayers], isList: false);
        Note("activation_sparsity_pattern", whole.ActivationSparsityPattern, text.ActivationSparsityPattern);
        Note("layer_types", whole.LayerTypes, text.LayerTypes);
        return config with
        {
            TextConfig = text,
            Values = [.. config.Values.Select(value => changed.TryGetValue(value.Name, out string? now)
                ? value with { Value = now, Origin = $"slice \"{slice.Name}\" of {value.Origin}" }
                : value)],
        };

        void Note<T>(string key, IReadOnlyList<T> before, IReadOnlyList<T> after, bool isList = true)
        {
            if (!before.SequenceEqual(after))
            {
                changed["text_config." + key] = isList ? JsonFields.Compact(after) : string.Create(CultureInfo.InvariantCulture, $"{after[0]}");
            }
        }
    }
}
