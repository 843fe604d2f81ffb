using GemmaSharp.Checkpoints.Slices;
using GemmaSharp.Configuration;

namespace GemmaSharp.Checkpoints;

/// <summary>What the configuration says of each module's quantisation, whatever naming scheme its keys follow.</summary>
/// <param name="config">The <c>quantization</c> object.</param>
/// <param name="slice">How the model is cut out of the one that is configured; <see langword="null"/> for all of it.</param>
sealed class QuantizationEntries(QuantizationConfig config, SlicePlan? slice)
{
    readonly Dictionary<string, string> _keys =
        config.Modules.Keys.DistinctBy(TensorNames.Bare).ToDictionary(TensorNames.Bare, StringComparer.Ordinal);

    /// <summary>The setting of modules without an entry.</summary>
    public QuantizationSetting Default => config.Default;

    /// <summary>All keys, by module path.</summary>
    public IEnumerable<string> Keys => _keys.Values.Order(StringComparer.Ordinal);

    /// <summary>The key of a module's own entry; <see langword="null"/> without one.</summary>
    /// <param name="module">Its canonical path in the model.</param>
    public string? Key(string module) => _keys.GetValueOrDefault(TensorNames.Bare(slice?.Original(module) ?? module));

    /// <summary>The setting under a key; <see langword="null"/> for <c>false</c>.</summary>
    public QuantizationSetting? this[string key] => config.Modules[key];

    /// <summary>The setting of a module; <see langword="null"/> when it is said not to be quantised.</summary>
    /// <param name="module">Its canonical path in the model.</param>
    public QuantizationSetting? Of(string module) => Key(module) is string key ? config.Modules[key] : config.Default;
}
