using System.Text.Json;
using System.Text.Json.Nodes;
using GemmaSharp.Configuration;

namespace GemmaSharp.Checkpoints.Gguf;

/// <summary>The metadata of a GGUF file as the <c>config.json</c> it was made from, to be checked by the same reader.</summary>
/// <remarks>
/// Sizes that a tensor shows are taken from the tensor. What no key says has its published value. Files that this program wrote also have their settings
/// whole, as a text under <see cref="WholeKey"/>; other keys and the tensors come before it.
/// </remarks>
sealed class GgufConfig
{
    /// <summary>The JSON files of the checkpoint that the file was made from, one object by their names.</summary>
    public const string WholeKey = "gemmasharp.settings";

    const string Prefix = "gemma3n.";
    const int MostLayers = 512;
    const int PublishedPerLayerRows = 262144;

    readonly GgufFile _file;
    readonly GgufMetadata _metadata;
    readonly Dictionary<string, StoredTensor> _tensors;
    readonly JsonObject _text;
    readonly int _layers;

    GgufConfig(GgufFile file, IEnumerable<StoredTensor> tensors, JsonObject? whole)
    {
        (_file, _metadata) = (file, file.Metadata);
        _tensors = new Dictionary<string, StoredTensor>(StringComparer.Ordinal);
        foreach (StoredTensor tensor in tensors)
        {
            _tensors.TryAdd(tensor.CanonicalName, tensor);
        }

        Root = whole ?? [];
        _text = Root["text_config"] as JsonObject ?? [];
        Root["text_config"] = _text;
        int stored = _tensors.Values.Max(tensor => GgufNames.LayerOf(tensor.Name) + 1) ?? 0;
        _layers = _metadata.Int(Prefix + "block_count", 1, MostLayers) ?? stored;
    }

    JsonObject Root { get; }

    /// <summary>What <c>config.json</c> would be.</summary>
    /// <param name="file">The file with the keys.</param>
    /// <param name="tensors">All tensors, those of the projector among them.</param>
    /// <param name="projector">The mmproj file; null without.</param>
    /// <exception cref="GgufException">A key is of another type or impossible.</exception>
    public static JsonElement Read(GgufFile file, IEnumerable<StoredTensor> tensors, GgufFile? projector)
    {
        var config = new GgufConfig(file, tensors, Settings(file, Gemma3nConfig.FileName));
        config.ReadRoot();
        config.ReadText();
        config.ReadProjector(projector);
        return Element(config.Root);
    }

    /// <summary>One of the JSON files that this program put into the file when it wrote it; null without.</summary>
    /// <exception cref="GgufException">The text is no such object.</exception>
    public static JsonObject? Settings(GgufFile file, string name)
    {
        if (file.Metadata.Text(WholeKey) is not string text)
        {
            return null;
        }

        try
        {
            return JsonNode.Parse(text, documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false }) is JsonObject all
                ? all[name]?.DeepClone() as JsonObject
                : throw new GgufException(file.Path, $"has {WholeKey} that is no object; convert the model again.");
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            throw new GgufException(file.Path, $"has {WholeKey} that is no JSON ({e.Message.TrimEnd('.')}); convert the model again.", e);
        }
    }

    /// <summary>An object as those who read settings take it.</summary>
    public static JsonElement Element(JsonObject settings)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            settings.WriteTo(json);
        }

        using JsonDocument document = JsonDocument.Parse(stream.ToArray());
        return document.RootElement.Clone();
    }

    /// <summary>How pictures are prepared, by an mmproj file, as <c>preprocessor_config.json</c> would say; null where it says nothing.</summary>
    public static JsonObject? Processor(GgufFile projector)
    {
        if (projector.Metadata.Int("clip.vision.image_size", 1, 8192) is not int side)
        {
            return null;
        }

        return new JsonObject { ["size"] = new JsonObject { ["height"] = side, ["width"] = side } };
    }

    void ReadRoot()
    {
        Root["model_type"] = "gemma3n";
        Dictionary<string, int> ids = SpecialIds();
        SortedSet<int> ends = [];
        foreach (string key in (ReadOnlySpan<string>)["eos_token_id", "eot_token_id"])
        {
            if (Token(key) is int end)
            {
                ends.Add(end);
            }
        }

        foreach (double end in _metadata.Numbers("tokenizer.ggml.eos_token_ids") ?? [])
        {
            ends.Add(end >= 0 && end == Math.Floor(end) && end < Math.Max(1, Vocabulary) ? (int)end
                : throw _metadata.Wrong("tokenizer.ggml.eos_token_ids", end, $"a list of ids below {Vocabulary}"));
        }

        if (ids.TryGetValue("<end_of_turn>", out int turn))
        {
            ends.Add(turn);
        }

        // Unsloth's files name the end of a turn as the end of text, which the model writes, too.
        if (ends.Count > 0 && ids.TryGetValue("<eos>", out int text))
        {
            ends.Add(text);
        }

        Root["eos_token_id"] = new JsonArray([.. ends.Select(end => JsonValue.Create(end))]);
        foreach ((string key, string piece) in (ReadOnlySpan<(string, string)>)
            [("boi_token_id", "<start_of_image>"), ("eoi_token_id", "<end_of_image>"), ("image_token_id", "<image_soft_token>"),
             ("boa_token_id", "<start_of_audio>"), ("eoa_token_id", "<end_of_audio>"), ("audio_token_id", "<audio_soft_token>")])
        {
            if (ids.TryGetValue(piece, out int id))
            {
                Root[key] = id;
            }
        }
    }

    void ReadText()
    {
        _text["model_type"] = "gemma3n_text";
        _text["num_hidden_layers"] = _layers;
        Set("hidden_size", Columns("embed_tokens") ?? Whole("embedding_length"));
        Set("vocab_size", Rows("embed_tokens") ?? Whole("vocab_size") ?? (Vocabulary > 0 ? Vocabulary : null));
        Set("max_position_embeddings", Whole("context_length"));
        Set("num_attention_heads", Same("attention.head_count"));
        Set("num_key_value_heads", Same("attention.head_count_kv"));
        Set("head_dim", Rows("layers.0.self_attn.q_norm") ?? Whole("attention.key_length") ?? Whole("attention.head_dim"));
        Set("sliding_window", Whole("attention.sliding_window"));
        Set("num_kv_shared_layers", _metadata.Int(Prefix + "attention.shared_kv_layers", 0, MostLayers));
        Set("altup_num_inputs", Whole("altup.num_inputs"));
        Set("altup_active_idx", _metadata.Int(Prefix + "altup.active_idx"));
        Set("hidden_size_per_layer_input", Rows("layers.0.per_layer_input_gate") ?? Whole("embedding_length_per_layer_input"));
        Set("laurel_rank", Rows("layers.0.laurel.linear_left"));
        if (Rows("embed_tokens_per_layer") is int rows)
        {
            // A checkpoint with fewer rows than the table has says so itself.
            int said = _text["vocab_size_per_layer_input"] is JsonValue value && value.TryGetValue(out int number) ? number : PublishedPerLayerRows;
            _text["vocab_size_per_layer_input"] = Math.Min(rows, said);
        }

        SetReal("rms_norm_eps", "attention.layer_norm_rms_epsilon");
        SetReal("final_logit_softcapping", "final_logit_softcapping");
        SetRope();
        if (_metadata.Flag(Prefix + "altup.correct_scale") is bool scaled)
        {
            _text["altup_correct_scale"] = scaled;
        }
        else if (!_text.ContainsKey("altup_correct_scale"))
        {
            _text["altup_correct_scale"] = _tensors.ContainsKey("language_model.layers.0.altup.correct_output_scale");
        }

        bool tied = !_tensors.ContainsKey("lm_head.weight");
        (Root["tie_word_embeddings"], _text["tie_word_embeddings"]) = (tied, tied);
        Set("pad_token_id", Token("padding_token_id"));
        Set("bos_token_id", Token("bos_token_id"));
        SetWidths();
        SetLayerTypes();
        SetSparsity();
    }

    void SetRope()
    {
        double? full = _metadata.Number(Prefix + "rope.freq_base");
        double? sliding = _metadata.Number(Prefix + "rope.freq_base_swa") ?? _metadata.Number(Prefix + "rope.freq_base_local");
        if ((full ?? sliding) is null)
        {
            return;
        }

        // The newest form of the settings has them elsewhere, and it would come first.
        _text.Remove("rope_parameters");
        _text["rope_theta"] = full ?? 1e6;
        _text["rope_local_base_freq"] = sliding ?? 1e4;
    }

    void SetWidths()
    {
        double[]? listed = PerLayer("feed_forward_length");
        int? one = listed is null ? Whole("feed_forward_length") : null;
        if (listed is null && one is null && Rows("layers.0.mlp.gate_proj") is null)
        {
            return;
        }

        var widths = new JsonArray();
        for (int i = 0; i < _layers; i++)
        {
            double width = Rows($"layers.{i}.mlp.gate_proj") ?? listed?[i] ?? one ?? 0;
            widths.Add((JsonNode?)JsonValue.Create(width));
        }

        _text["intermediate_size"] = widths;
    }

    void SetLayerTypes()
    {
        const string Key = "attention.sliding_window_pattern";
        if (PerLayer(Key) is double[] pattern)
        {
            _text["layer_types"] = Types(i => pattern[i] == 0);
        }
        else if (_metadata.Contains(Prefix + Key))
        {
            int period = Whole(Key)!.Value;
            _text["layer_types"] = Types(i => (i + 1) % period == 0);
        }

        JsonArray Types(Func<int, bool> isFull) =>
            new([.. Enumerable.Range(0, _layers).Select(i => JsonValue.Create(isFull(i) ? "full_attention" : "sliding_attention"))]);
    }

    void SetSparsity()
    {
        // Shares of half and less have multipliers that stand for no cut; a file with whole settings has the shares themselves.
        if (PerLayer("activation_sparsity_scale") is double[] scales
            && (_text["activation_sparsity_pattern"] is not JsonArray shares || shares.Count != _layers))
        {
            _text["activation_sparsity_pattern"] = new JsonArray([.. scales.Select(scale => JsonValue.Create(GgufSparsity.Share(scale)))]);
        }
    }

    void ReadProjector(GgufFile? projector)
    {
        if (projector is null)
        {
            return;
        }

        GgufMetadata keys = projector.Metadata;
        _ = keys.Int("clip.vision.image_size", 1, 8192);
        _ = keys.Int("clip.vision.patch_size", 1);
        if (_tensors.TryGetValue("embed_vision.embedding.weight", out StoredTensor? vision) && vision.Shape.Count == 2)
        {
            JsonObject section = Section("vision_config");
            (section["vocab_size"], section["hidden_size"]) = (vision.Shape[0], vision.Shape[1]);
            if (_tensors.TryGetValue("vision_tower.timm_model.conv_stem.conv.weight", out StoredTensor? stem) && stem.Shape.Count == 4)
            {
                JsonObject args = section["model_args"] as JsonObject ?? [];
                args["stem_size"] = stem.Shape[0];
                section["model_args"] = args;
            }
        }

        if (_tensors.TryGetValue("embed_audio.embedding.weight", out StoredTensor? audio) && audio.Shape.Count == 2)
        {
            JsonObject section = Section("audio_config");
            (section["vocab_size"], section["hidden_size"]) = (audio.Shape[0], audio.Shape[1]);
            if (keys.Int("clip.audio.block_count", 1, MostLayers) is int blocks)
            {
                section["conf_num_hidden_layers"] = blocks;
            }

            if (keys.Int("clip.audio.attention.head_count", 1, 1024) is int heads)
            {
                section["conf_num_attention_heads"] = heads;
            }
        }
    }

    JsonObject Section(string name)
    {
        JsonObject section = Root[name] as JsonObject ?? [];
        Root[name] = section;
        return section;
    }

    int Vocabulary => _metadata.Texts("tokenizer.ggml.tokens")?.Count ?? 0;

    /// <summary>An id among the tokenizer's keys.</summary>
    int? Token(string key) => _metadata.Int("tokenizer.ggml." + key, 0, Math.Max(1, Vocabulary) - 1);

    Dictionary<string, int> SpecialIds()
    {
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        if (_metadata.Texts("tokenizer.ggml.tokens") is not GgufStrings tokens)
        {
            return ids;
        }

        for (int id = 0; id < tokens.Count; id++)
        {
            ReadOnlySpan<byte> token = tokens[id];
            if (token.Length is > 2 and < 32 && token[0] == '<' && token[^1] == '>')
            {
                ids.TryAdd(tokens.Text(id), id);
            }
        }

        return ids;
    }

    int? Whole(string key) => _metadata.Int(Prefix + key, 1, 1 << 24);

    /// <summary>A number, or the one that a list has throughout.</summary>
    int? Same(string key)
    {
        if (PerLayer(key) is not double[] list)
        {
            return Whole(key);
        }

        return list.Distinct().Count() == 1 && list[0] is >= 1 and <= 1024 && list[0] == Math.Floor(list[0]) ? (int)list[0]
            : throw new GgufException(_file.Path, $"has a list {Prefix}{key} of different or impossible numbers; this model has one for all layers.");
    }

    double[]? PerLayer(string key)
    {
        double[]? list = _metadata.Numbers(Prefix + key);
        return list is null || list.Length == _layers ? list
            : throw new GgufException(_file.Path, $"has {list.Length} entries in {Prefix}{key}; one for each of the {_layers} layers is needed.");
    }

    int? Rows(string name) => Axis(name, 0);

    int? Columns(string name) => Axis(name, 1);

    int? Axis(string name, int axis) =>
        _tensors.TryGetValue($"language_model.{name}.weight", out StoredTensor? tensor) && tensor.Shape.Count > axis && tensor.Shape[axis] <= int.MaxValue
            ? (int)tensor.Shape[axis] : null;

    void Set(string field, int? value)
    {
        if (value is int known)
        {
            _text[field] = known;
        }
    }

    void SetReal(string field, string key)
    {
        if (_metadata.Number(Prefix + key) is double value)
        {
            // Stored as float32, which 1e-6 is not exactly; the shortest decimal that is the same float32 is what was meant.
            _text[field] = double.IsFinite(value) ? double.Parse(((float)value).ToString("R", System.Globalization.CultureInfo.InvariantCulture),
                System.Globalization.CultureInfo.InvariantCulture) : throw _metadata.Wrong(Prefix + key, value, "a finite number");
        }
    }
}
