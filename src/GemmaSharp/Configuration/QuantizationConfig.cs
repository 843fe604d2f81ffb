using System.Text.Json;

namespace GemmaSharp.Configuration;

/// <summary>MLX's <c>quantization</c> object: a setting for all modules and exceptions by module path.</summary>
/// <remarks>A hint only: what a module is follows from its tensors. Immutable.</remarks>
sealed record QuantizationConfig
{
    static readonly string[] s_modes = ["affine", "mxfp4", "mxfp8", "nvfp4"];

    /// <summary>The setting of modules that are not named.</summary>
    public required QuantizationSetting Default { get; init; }

    /// <summary>Named modules, by the path the file writes; <see langword="null"/> means not quantised.</summary>
    public IReadOnlyDictionary<string, QuantizationSetting?> Modules { get; init; } = new Dictionary<string, QuantizationSetting?>();

    /// <summary>Reads <c>quantization</c>, <c>quantization_config</c>, at the root or in <c>text_config</c>, whichever is first.</summary>
    /// <exception cref="ConfigurationException">Another quantisation scheme than MLX's, or an impossible value.</exception>
    internal static QuantizationConfig? Read(JsonFields root, JsonFields text)
    {
        foreach (JsonFields home in (ReadOnlySpan<JsonFields>)[root, text])
        {
            foreach (string key in (ReadOnlySpan<string>)["quantization", "quantization_config"])
            {
                if (home.Raw(key) is not null)
                {
                    return Read(home.Section(key));
                }
            }
        }

        return null;
    }

    static QuantizationConfig Read(JsonFields section)
    {
        if (section.Raw("quant_method") is not null)
        {
            throw section.Refuse("quant_method", "MLX quantisation or none (take the original checkpoint or an MLX conversion of it)");
        }

        QuantizationSetting all = ReadSetting(section, new QuantizationSetting(64, 4, "affine"));
        var modules = new Dictionary<string, QuantizationSetting?>(StringComparer.Ordinal);
        foreach (string key in section.Keys())
        {
            switch (section.Raw(key))
            {
                case { ValueKind: JsonValueKind.Object } entry:
                    modules[key] = ReadSetting(section.Section(key), all);
                    break;
                case { ValueKind: JsonValueKind.False }:
                    modules[key] = null;
                    break;
            }
        }

        return new QuantizationConfig { Default = all, Modules = modules };
    }

    static QuantizationSetting ReadSetting(JsonFields section, QuantizationSetting fallback)
    {
        string mode = section.Raw("mode") is null ? fallback.Mode : section.Choice("mode", s_modes);
        (int group, int bits) = mode == fallback.Mode ? (fallback.GroupSize, fallback.Bits) : mode switch
        {
            "mxfp4" => (32, 4),
            "mxfp8" => (32, 8),
            "nvfp4" => (16, 4),
            _ => (64, 4),
        };
        return new QuantizationSetting(section.Int("group_size", group, 1, 4096), section.Int("bits", bits, 1, 8), mode);
    }
}

/// <summary>How a module's weights are packed.</summary>
/// <param name="GroupSize">Consecutive inputs that share a scale.</param>
/// <param name="Bits">Bits per weight.</param>
/// <param name="Mode"><c>affine</c>, <c>mxfp4</c>, <c>mxfp8</c> or <c>nvfp4</c>.</param>
sealed record QuantizationSetting(int GroupSize, int Bits, string Mode);
