using System.Text.RegularExpressions;
using GemmaSharp.Checkpoints.Gguf;
using GemmaSharp.Configuration;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Conversion.Gguf;

/// <summary>Which type each tensor of a GGUF file gets, as llama-quantize chooses without a matrix of importance.</summary>
/// <remarks>
/// Vectors, norms, AltUp's coefficients and the first convolutions are float32 in every form; kernels, what belongs to AltUp and LAuReL and the projection of
/// the per-layer inputs are never in blocks. The table of tokens, which is the head, gets finer codes than the rest, as do the values of attention and the way
/// down of the layers where it matters most.
/// </remarks>
sealed class GgufMix
{
    readonly GgufForm _form;
    readonly bool _pure;
    readonly int _layers;
    readonly int _headsPerKey;
    readonly bool _hasHead;
    readonly (Regex Pattern, ElementType Type, BlockType? Blocks)[] _rules;

    /// <summary>Plans the tensors of a model.</summary>
    /// <param name="form">The form asked for.</param>
    /// <param name="config">The model.</param>
    /// <param name="rules">Types for tensors by name, before all else.</param>
    /// <param name="pure">Whether every matrix gets the form's own blocks.</param>
    /// <exception cref="ConversionException">A rule names a type that is not written.</exception>
    public GgufMix(GgufForm form, Gemma3nConfig config, IReadOnlyList<GgufTensorType> rules, bool pure)
    {
        _form = form;
        _pure = pure;
        _layers = config.TextConfig.NumHiddenLayers;
        _headsPerKey = config.TextConfig.NumAttentionHeads / config.TextConfig.NumKeyValueHeads;
        _hasHead = !config.TextConfig.TieWordEmbeddings;
        _rules = [.. rules.Select(Rule)];
    }

    /// <summary>The names of the types that a rule may give.</summary>
    public static IReadOnlyList<string> TypeNames { get; } =
        ["f32", "f16", "bf16", .. Enum.GetValues<BlockType>().Where(BlockQuantizer.CanWrite).Select(type => type.Name())];

    /// <summary>The type of a tensor.</summary>
    /// <param name="name">Its name in the file.</param>
    /// <param name="shape">Its shape, outermost first.</param>
    /// <exception cref="ConversionException">A rule gives it blocks that its rows are not made of.</exception>
    public GgufTensorPlan Plan(string name, IReadOnlyList<long> shape)
    {
        bool isExact = shape.Count(axis => axis != 1) <= 1 || name.EndsWith("_norm.weight", StringComparison.Ordinal)
            || name.EndsWith("_coef.weight", StringComparison.Ordinal) || name.StartsWith("v.conv_stem.", StringComparison.Ordinal)
            || name.StartsWith("a.conv1d.", StringComparison.Ordinal);
        if (isExact)
        {
            return new GgufTensorPlan(name, shape, ElementType.F32, null);
        }

        long columns = shape[^1];
        foreach ((Regex pattern, ElementType type, BlockType? blocks) in _rules)
        {
            if (pattern.IsMatch(name))
            {
                return blocks is BlockType wanted && columns % wanted.BlockSize() != 0
                    ? throw new ConversionException(
                        $"Tensor {name} is to be {wanted.Name()} and has rows of {columns}, no whole number of blocks of {wanted.BlockSize()}; give it "
                            + "another type.")
                    : new GgufTensorPlan(name, shape, blocks is null ? type : ElementType.U8, blocks);
            }
        }

        bool isKernel = name.StartsWith("v.", StringComparison.Ordinal) || name.EndsWith(".conv_dw.weight", StringComparison.Ordinal);
        return !isKernel && Fitting(Blocks(name), columns) is BlockType chosen
            ? new GgufTensorPlan(name, shape, ElementType.U8, chosen)
            : new GgufTensorPlan(name, shape, _form.Type, null);
    }

    BlockType? Blocks(string name)
    {
        if (_form.Blocks is not BlockType own)
        {
            return null;
        }

        if (GgufNames.IsOfProjector(name))
        {
            // The towers are small beside the text and suffer more.
            return own is BlockType.Q8_0 or BlockType.Q4_0 ? own : null;
        }

        if (name.Contains("altup", StringComparison.Ordinal) || name.Contains("laurel", StringComparison.Ordinal)
            || name.StartsWith("per_layer_model_proj", StringComparison.Ordinal))
        {
            return null;
        }

        if (_pure)
        {
            return own;
        }

        if (name == "output.weight" || (!_hasHead && name is "token_embd.weight" or "per_layer_token_embd.weight"))
        {
            return own == BlockType.Q8_0 ? own : BlockType.Q6_K;
        }

        int layer = GgufNames.LayerOf(name) ?? 0;
        return name switch
        {
            _ when name.EndsWith("attn_v.weight", StringComparison.Ordinal) => Values(own, layer),
            _ when name.EndsWith("ffn_down.weight", StringComparison.Ordinal) => Down(own, layer),
            _ when name.EndsWith("attn_output.weight", StringComparison.Ordinal) => _form.Name switch
            {
                "q2_k" => BlockType.Q3_K,
                "q3_k_m" => BlockType.Q4_K,
                "q3_k_l" => BlockType.Q5_K,
                _ => own,
            },
            _ => own,
        };
    }

    BlockType Values(BlockType own, int layer) => _form.Name switch
    {
        "q2_k" => _headsPerKey >= 4 ? BlockType.Q4_K : BlockType.Q3_K,
        "q3_k_m" => layer < 2 ? BlockType.Q5_K : BlockType.Q4_K,
        "q3_k_l" => BlockType.Q5_K,
        "iq4_nl" or "iq4_xs" => _headsPerKey >= 4 ? BlockType.Q5_K : own,
        "q4_k_m" or "q5_k_m" => UsesMore(layer) ? BlockType.Q6_K : own,
        "q4_k_s" => layer < 4 ? BlockType.Q5_K : own,
        _ => own,
    };

    BlockType Down(BlockType own, int layer) => _form.Name switch
    {
        "q2_k" => BlockType.Q3_K,
        "q3_k_m" => layer < _layers / 16 ? BlockType.Q5_K : BlockType.Q4_K,
        "q3_k_l" => BlockType.Q5_K,
        "q4_k_m" or "q5_k_m" => UsesMore(layer) ? BlockType.Q6_K : own,
        "q4_k_s" or "iq4_nl" or "iq4_xs" => layer < _layers / 8 ? BlockType.Q5_K : own,
        _ => own,
    };

    /// <summary>The first and the last eighth of the layers, and every third between.</summary>
    bool UsesMore(int layer) => layer < _layers / 8 || layer >= 7 * _layers / 8 || (layer - _layers / 8) % 3 == 2;

    /// <summary>The form, or the one of 32 columns that is taken in its place where rows are no whole superblocks.</summary>
    static BlockType? Fitting(BlockType? blocks, long columns) => blocks switch
    {
        null => null,
        BlockType type when columns % type.BlockSize() == 0 => type,
        _ when columns % 32 != 0 => null,
        BlockType.Q2_K or BlockType.Q3_K or BlockType.IQ4_XS => BlockType.IQ4_NL,
        BlockType.Q4_K => BlockType.Q5_0,
        BlockType.Q5_K => BlockType.Q5_1,
        _ => BlockType.Q8_0,
    };

    static (Regex Pattern, ElementType Type, BlockType? Blocks) Rule(GgufTensorType rule)
    {
        ArgumentException.ThrowIfNullOrEmpty(rule.Pattern);
        string pattern = string.Join(".*", rule.Pattern.Split('*').Select(Regex.Escape));
        bool isWhole = rule.Pattern.Contains('*', StringComparison.Ordinal);
        Regex regex = new(isWhole ? $"^{pattern}$" : pattern, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);
        return rule.Type switch
        {
            "f32" => (regex, ElementType.F32, null),
            "f16" => (regex, ElementType.F16, null),
            "bf16" => (regex, ElementType.BF16, null),
            _ when TypeNames.Contains(rule.Type) => (regex, ElementType.U8, Enum.GetValues<BlockType>().Single(type => type.Name() == rule.Type)),
            _ => throw new ConversionException(
                $"Tensors {rule.Pattern} are to be {rule.Type}, which is not written; use {string.Join(", ", TypeNames.SkipLast(1))} or {TypeNames[^1]}."),
        };
    }
}
