using System.Text.Json.Nodes;
using GemmaSharp.Configuration;

namespace GemmaSharp.Checkpoints.Gguf;

/// <summary>Where in GGUF files the values stand that readers of settings know by JSON paths: messages speak of the keys that somebody can look at.</summary>
sealed class GgufPlaces
{
    const string Model = "gemma3n.";

    /// <summary>The keys of values that a file need not have.</summary>
    static readonly Dictionary<string, string> s_usual = new(StringComparer.Ordinal)
    {
        ["$.text_config.num_hidden_layers"] = Model + "block_count",
        ["$.text_config.hidden_size"] = Model + "embedding_length",
        ["$.text_config.vocab_size"] = Model + "vocab_size",
        ["$.text_config.vocab_size_per_layer_input"] = "the number of rows of per_layer_token_embd.weight",
        ["$.text_config.hidden_size_per_layer_input"] = Model + "embedding_length_per_layer_input",
        ["$.text_config.intermediate_size"] = Model + "feed_forward_length",
        ["$.text_config.max_position_embeddings"] = Model + "context_length",
        ["$.text_config.num_attention_heads"] = Model + "attention.head_count",
        ["$.text_config.num_key_value_heads"] = Model + "attention.head_count_kv",
        ["$.text_config.head_dim"] = Model + "attention.key_length",
        ["$.text_config.rms_norm_eps"] = Model + "attention.layer_norm_rms_epsilon",
        ["$.text_config.sliding_window"] = Model + "attention.sliding_window",
        ["$.text_config.layer_types"] = Model + "attention.sliding_window_pattern",
        ["$.text_config.num_kv_shared_layers"] = Model + "attention.shared_kv_layers",
        ["$.text_config.rope_theta"] = Model + "rope.freq_base",
        ["$.text_config.rope_local_base_freq"] = Model + "rope.freq_base_swa",
        ["$.text_config.altup_num_inputs"] = Model + "altup.num_inputs",
        ["$.text_config.altup_active_idx"] = Model + "altup.active_idx",
        ["$.text_config.altup_correct_scale"] = Model + "altup.correct_scale",
        ["$.text_config.activation_sparsity_pattern"] = Model + "activation_sparsity_scale",
        ["$.text_config.final_logit_softcapping"] = Model + "final_logit_softcapping",
        ["$.text_config.laurel_rank"] = "the number of rows of blk.0.laurel_l.weight",
        ["$.text_config.pad_token_id"] = "tokenizer.ggml.padding_token_id",
        ["$.text_config.bos_token_id"] = "tokenizer.ggml.bos_token_id",
        ["$.tie_word_embeddings"] = "output.weight",
        ["$.text_config.tie_word_embeddings"] = "output.weight",
        ["$.model_type"] = "general.architecture",
        ["$.text_config.model_type"] = "general.architecture",
        ["$.eos_token_id"] = "tokenizer.ggml.eos_token_id",
    };

    readonly string _file;
    readonly Dictionary<string, ConfigPlace> _known = new(StringComparer.Ordinal);

    /// <param name="file">The name of the file with the keys.</param>
    /// <param name="settings">The settings that this program put into it; null without.</param>
    /// <param name="name">Which of them, such as <c>config.json</c>.</param>
    public GgufPlaces(string file, JsonObject? settings, string name)
    {
        _file = file;
        Add(settings, "$");

        void Add(JsonObject? values, string path)
        {
            foreach ((string key, JsonNode? value) in values ?? [])
            {
                string here = $"{path}.{key}";
                _known[here] = new ConfigPlace(file, $"{GgufConfig.WholeKey} ({name}) {here}");
                Add(value as JsonObject, here);
            }
        }
    }

    /// <summary>Notes that a value is from a key, or from what is said of a tensor.</summary>
    /// <param name="path">The JSON path by which it is read.</param>
    /// <param name="place">The key, or words such as <c>the number of rows of NAME</c>.</param>
    /// <param name="file">The name of the file; null for the one with the keys.</param>
    public void Note(string path, string place, string? file = null) => _known[path] = new ConfigPlace(file ?? _file, place);

    /// <summary>Where a value stands, or would stand.</summary>
    /// <param name="path">The JSON path, perhaps with the number of an entry of a list at its end.</param>
    public ConfigPlace Of(string path)
    {
        int list = path.IndexOf('[', StringComparison.Ordinal);
        string whole = list < 0 ? path : path[..list], entry = path[whole.Length..];
        ConfigPlace place = _known.TryGetValue(whole, out ConfigPlace known) ? known : new ConfigPlace(_file, s_usual.GetValueOrDefault(whole, whole));
        return place with { Path = place.Path + entry };
    }
}
