using System.Globalization;
using GemmaSharp.Checkpoints;
using GemmaSharp.Checkpoints.Slices;
using GemmaSharp.Layers;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp;

/// <summary>Which format each linear layer and embedding gets.</summary>
/// <remarks>
/// The towers, convolutions, norms and bare parameters are never quantised, nor is a matrix whose rows are no whole number of groups. Mixed recipes give
/// the value projections and down projections of the outer and every third layer, the embedding tables and the head more bits. Source: mlx-vlm
/// <c>convert.py</c>, <c>mixed_quant_predicate_builder</c>. Immutable.
/// </remarks>
public sealed record QuantizationRecipe
{
    static readonly (int Low, int High)[] s_mixes = [(2, 6), (3, 4), (3, 5), (3, 6), (3, 8), (4, 6), (4, 8)];

    /// <summary>The format of modules the recipe does not raise.</summary>
    public QuantizationFormat Format { get; init; } = QuantizationFormat.Default;

    /// <summary>The format of raised modules; <see langword="null"/> when all are alike.</summary>
    public QuantizationFormat? HighFormat { get; init; }

    /// <summary>
    /// Modules to leave dense, by a path in any naming scheme, of which everything below is left, or by a pattern: <c>*</c> stands for anything,
    /// as in <c>*.layers.1.self_attn.o_proj</c> or <c>*embed_tokens*</c>.
    /// </summary>
    public IReadOnlyList<string> Keep { get; init; } = [];

    /// <summary>The names <see cref="Named"/> knows: <c>mixed_2_6</c>, <c>mixed_3_4</c> …</summary>
    public static IReadOnlyList<string> Names { get; } = [.. s_mixes.Select(Name)];

    /// <summary>One of mlx-vlm's mixed recipes: groups of 64, two widths.</summary>
    /// <param name="name">A name of <see cref="Names"/>.</param>
    /// <returns>The recipe.</returns>
    /// <exception cref="ConversionException">There is no such recipe.</exception>
    public static QuantizationRecipe Named(string name)
    {
        foreach ((int low, int high) in s_mixes)
        {
            if (Name((low, high)) == name)
            {
                return new()
                {
                    Format = QuantizationFormat.Create(QuantizationMode.Affine, low, 64),
                    HighFormat = QuantizationFormat.Create(QuantizationMode.Affine, high, 64),
                };
            }
        }

        throw new ConversionException($"There is no recipe {name}; use one of {string.Join(", ", Names)}.");
    }

    /// <summary>The format of a module, before it is known whether its rows fit.</summary>
    /// <param name="module">Canonical path: <c>language_model.layers.0.self_attn.q_proj</c>.</param>
    /// <param name="layers">Decoder layers of the model.</param>
    /// <returns>The format; <see langword="null"/> when the module stays dense.</returns>
    public QuantizationFormat? For(string module, int layers)
    {
        ArgumentNullException.ThrowIfNull(module);
        if (module.Contains("vision_tower", StringComparison.Ordinal) || module.Contains("audio_tower", StringComparison.Ordinal) || IsKept(module))
        {
            return null;
        }

        return HighFormat is not null && IsRaised(module, layers) ? HighFormat : Format;
    }

    /// <summary>Whether a pattern of <see cref="Keep"/> fits the module.</summary>
    internal bool IsKept(string module) => Keep.Any(text => new TracePattern(text) is TracePattern pattern
        && (pattern.Matches(module) || pattern.Matches(TensorNames.HuggingFace(module)) || pattern.Matches(TensorNames.Mlx(module))));

    static bool IsRaised(string module, int layers)
    {
        if (module.Contains("lm_head", StringComparison.Ordinal) || module.Contains("embed_tokens", StringComparison.Ordinal))
        {
            return true;
        }

        if (!module.EndsWith(".v_proj", StringComparison.Ordinal) && !module.EndsWith(".down_proj", StringComparison.Ordinal))
        {
            return false;
        }

        int layer = LayerNames.Index(module);
        int outer = layers / 8;
        return layer >= 0 && (layer < outer || layer >= 7 * layers / 8 || (layer - outer) % 3 == 2);
    }

    static string Name((int Low, int High) mix) => string.Create(CultureInfo.InvariantCulture, $"mixed_{mix.Low}_{mix.High}");
}
