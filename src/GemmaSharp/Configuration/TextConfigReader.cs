using System.Text.Json;

namespace GemmaSharp.Configuration;

/// <summary>Reads <c>text_config</c> in its published and newest forms and checks it before anything is sized by it.</summary>
static class TextConfigReader
{
    // Bounds far above any Gemma 3n, low enough that no product of two of them overflows.
    const int MostLayers = 1024;
    const int MostFeatures = 1 << 18;
    const int MostRows = 1 << 24;
    const int MostHeads = 1024;

    public static TextConfig Read(JsonFields text, bool? rootTie)
    {
        text.Choice("hidden_activation", "gelu_pytorch_tanh");
        if (text.Raw("attention_bias") is { ValueKind: not JsonValueKind.False })
        {
            throw text.Refuse("attention_bias", "false (Gemma 3n has no attention biases)");
        }

        int layers = text.Int("num_hidden_layers", 35, 1, MostLayers);
        LayerType[] layerTypes = ReadLayerTypes(text, layers);
        (double ropeTheta, double ropeLocal) = ReadRope(text);
        var config = new TextConfig
        {
            NumHiddenLayers = layers,
            VocabSize = text.Int("vocab_size", 262400, 1, MostRows),
            VocabSizePerLayerInput = text.Int("vocab_size_per_layer_input", 262144, 1, MostRows),
            HiddenSize = text.Int("hidden_size", 2048, 1, MostFeatures),
            HiddenSizePerLayerInput = text.Int("hidden_size_per_layer_input", 256, 1, MostFeatures),
            IntermediateSize = ReadIntermediateSize(text, layers),
            NumAttentionHeads = text.Int("num_attention_heads", 8, 1, MostHeads),
            NumKeyValueHeads = text.Int("num_key_value_heads", 2, 1, MostHeads),
            HeadDim = text.Int("head_dim", 256, 2, 4096),
            MaxPositionEmbeddings = text.Int("max_position_embeddings", 32768, 1, 1 << 24),
            RmsNormEps = (float)text.Number("rms_norm_eps", 1e-6, 1e-30, 1),
            PadTokenId = text.Int("pad_token_id", 0, 0, MostRows),
            BosTokenId = text.Int("bos_token_id", 2, 0, MostRows),
            TieWordEmbeddings = rootTie ?? text.Bool("tie_word_embeddings", true),
            SlidingWindow = text.Int("sliding_window", 512, 1, 1 << 24),
            LayerTypes = layerTypes,
            FinalLogitSoftcapping = (float?)text.NumberOrNull("final_logit_softcapping", 30, 1e-6, 1e30),
            AltupActiveIdx = text.Int("altup_active_idx", 0, 0, 63),
            AltupNumInputs = text.Int("altup_num_inputs", 4, 1, 64),
            AltupCoefClip = (float?)text.NumberOrNull("altup_coef_clip", 120, 1e-6, 1e30),
            AltupCorrectScale = text.Bool("altup_correct_scale", true),
            NumKvSharedLayers = text.Int("num_kv_shared_layers", 15, 0, MostLayers),
            LaurelRank = text.Int("laurel_rank", 64, 1, MostFeatures),
            ActivationSparsityPattern = ReadSparsity(text, layers),
            RopeTheta = ropeTheta,
            RopeLocalBaseFreq = ropeLocal,
        };
        Check(text, config);
        return config;
    }

    static int[] ReadIntermediateSize(JsonFields text, int layers)
    {
        const string Key = "intermediate_size";
        int[]? sizes = text.IntOrList(Key, 1, 1 << 22, MostLayers);
        if (sizes is null)
        {
            text.Derived(Key, $"[16384 × {layers}]", "the published width for every layer");
            return TextConfig.Repeat(16384, layers);
        }

        bool isList = text.Raw(Key) is { ValueKind: JsonValueKind.Array };
        return !isList ? TextConfig.Repeat(sizes[0], layers)
            : sizes.Length == layers ? sizes
            : throw text.Refuse(Key, $"one width for each of the {layers} layers, not {sizes.Length},");
    }

    static LayerType[] ReadLayerTypes(JsonFields text, int layers)
    {
        const string Key = "layer_types";
        if (text.Strings(Key, MostLayers) is not string[] names)
        {
            LayerType[] types = TextConfig.DefaultLayerTypes(layers);
            text.Derived(Key, JsonFields.Compact(types), "full attention where (layer + 1) mod 5 = 0");
            return types;
        }

        // Slicing tools have been seen to keep the longer list of the model they cut from.
        if (names.Length < layers)
        {
            throw text.Refuse(Key, $"one entry for each of the {layers} layers, not {names.Length},");
        }

        return [.. names.Take(layers).Select(name => name switch
        {
            "full_attention" => LayerType.FullAttention,
            "sliding_attention" => LayerType.SlidingAttention,
            _ => throw text.Refuse(Key, "a list of \"sliding_attention\" and \"full_attention\""),
        })];
    }

    static double[] ReadSparsity(JsonFields text, int layers)
    {
        const string Key = "activation_sparsity_pattern";
        if (text.Numbers(Key, 0, 0.9999, MostLayers) is not double[] pattern)
        {
            double[] rule = TextConfig.DefaultSparsity(layers);
            text.Derived(Key, JsonFields.Compact(rule), "0.95 in the first 10 layers when there are more than 10");
            return rule;
        }

        return pattern.Length == layers
            ? pattern
            : throw text.Refuse(Key, $"one value for each of the {layers} layers, not {pattern.Length},");
    }

    // rope_parameters by layer type (newest form), else the two flat keys (published form), else the published values.
    static (double Full, double Sliding) ReadRope(JsonFields text)
    {
        RequireDefaultRope(text.Section("rope_scaling"));
        JsonFields parameters = text.Section("rope_parameters");
        return (Theta(text, parameters, "full_attention", "rope_theta", 1e6), Theta(text, parameters, "sliding_attention", "rope_local_base_freq", 1e4));
    }

    static double Theta(JsonFields text, JsonFields parameters, string layerType, string oldKey, double fallback)
    {
        JsonFields entry = parameters.Section(layerType);
        RequireDefaultRope(entry);
        return entry.Raw("rope_theta") is null
            ? text.Number(oldKey, fallback, 1, 1e12)
            : entry.Number("rope_theta", fallback, 1, 1e12);
    }

    static void RequireDefaultRope(JsonFields rope)
    {
        foreach (string key in (ReadOnlySpan<string>)["rope_type", "type"])
        {
            if (rope.Raw(key) is not null)
            {
                rope.Choice(key, "default");
            }
        }
    }

    static void Check(JsonFields text, TextConfig config)
    {
        if (config.NumAttentionHeads % config.NumKeyValueHeads != 0)
        {
            throw text.Refuse("num_key_value_heads", $"a divisor of {text.Name("num_attention_heads")} ({config.NumAttentionHeads})");
        }

        if (config.HeadDim % 2 != 0)
        {
            throw text.Refuse("head_dim", "an even number");
        }

        if (config.AltupActiveIdx >= config.AltupNumInputs)
        {
            throw text.Refuse("altup_active_idx", $"a stream below {text.Name("altup_num_inputs")} ({config.AltupNumInputs})");
        }

        if (config.NumKvSharedLayers >= config.NumHiddenLayers)
        {
            throw text.Refuse("num_kv_shared_layers", $"a number below {text.Name("num_hidden_layers")} ({config.NumHiddenLayers})");
        }

        IEnumerable<LayerType> own = config.LayerTypes.Take(config.FirstKvSharedLayer);
        if (config.LayerTypes.Skip(config.FirstKvSharedLayer).Any(type => !own.Contains(type)))
        {
            throw text.Refuse("num_kv_shared_layers", "a number that leaves an unshared layer of every kind the shared ones need");
        }
    }
}
