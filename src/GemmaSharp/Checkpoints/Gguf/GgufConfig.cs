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

    /// <summary>The key of an mmproj file that has the side of pictures.</summary>
    public const string ImageSize = "clip.vision.image_size";

    const string Prefix = "gemma3n.";
    const int LargestImage = 8192;
    const int MostLayers = 512;
    const int PublishedPerLayerRows = 262144;

    // A ten-thousandth of the units stays.
    const double MostSparsity = 3.719;

    readonly GgufFile _file;
    readonly GgufMetadata _metadata;
    readonly Dictionary<string, StoredTensor> _tensors;
    readonly JsonObject _text;
    readonly GgufPlaces _places;
    readonly int _layers;

    readonly record struct Found(int Value, string Place);

    GgufConfig(GgufFile file, IEnumerable<StoredTensor> tensors, JsonObject? whole)
    {
        (_file, _metadata) = (file, file.Metadata);
        _tensors = new Dictionary<string, StoredTensor>(StringComparer.Ordinal);
        foreach (StoredTensor tensor in tensors)
        {
            _tensors.TryAdd(tensor.CanonicalName, tensor);
        }

        Root = whole ?? [];
        _places = new GgufPlaces(file.Name, whole, Gemma3nConfig.FileName);
        _text = Root["text_config"] as JsonObject ?? [];
        Root["text_config"] = _text;
        int stored = _tensors.Values.Max(tensor => GgufNames.LayerOf(tensor.Name) + 1) ?? 0;
        _layers = _metadata.Int(Prefix + "block_count", 1, MostLayers) ?? stored;
        _places.Note(
            TextPath("num_hidden_layers"), _metadata.Contains(Prefix + "block_count") ? Prefix + "block_count" : "the number of layers of its tensors");
    }

    JsonObject Root { get; }

    /// <summary>What <c>config.json</c> would be, and where its values stand.</summary>
    /// <param name="file">The file with the keys.</param>
    /// <param name="tensors">All tensors, those of the projector among them.</param>
    /// <param name="projector">The mmproj file; null without.</param>
    /// <exception cref="GgufException">A key is of another type or impossible.</exception>
    public static (JsonElement Root, Func<string, ConfigPlace> Places) Read(GgufFile file, IEnumerable<StoredTensor> tensors, GgufFile? projector)
    {
        var config = new GgufConfig(file, tensors, Settings(file, Gemma3nConfig.FileName));
        config.ReadRoot();
        config.ReadText();
        config.ReadProjector(projector);
        return (Element(config.Root), config._places.Of);
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
        if (projector.Metadata.Int(ImageSize, 1, LargestImage) is not int side)
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
            if (Token(key) is Found end)
            {
                ends.Add(end.Value);
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
            _places.Note("$." + key, $"the id of {piece}");
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
        Set("vocab_size", Rows("embed_tokens") ?? Whole("vocab_size")
            ?? (Vocabulary > 0 ? new Found(Vocabulary, "the number of tokenizer.ggml.tokens") : null));
        Set("max_position_embeddings", Whole("context_length"));
        Set("num_attention_heads", Same("attention.head_count"));
        Set("num_key_value_heads", Same("attention.head_count_kv"));
        Set("head_dim", Rows("layers.0.self_attn.q_norm") ?? Whole("attention.key_length") ?? Whole("attention.head_dim"));
        Set("sliding_window", Whole("attention.sliding_window"));
        Set("num_kv_shared_layers", Whole("attention.shared_kv_layers", 0, MostLayers));
        Set("altup_num_inputs", Whole("altup.num_inputs"));
        Set("altup_active_idx", Whole("altup.active_idx", 0, int.MaxValue));
        Set("hidden_size_per_layer_input", Rows("layers.0.per_layer_input_gate") ?? Whole("embedding_length_per_layer_input"));
        Set("laurel_rank", Rows("layers.0.laurel.linear_left"));
        if (Rows("embed_tokens_per_layer") is Found rows)
        {
            // A checkpoint with fewer rows than the table has says so itself.
            int said = _text["vocab_size_per_layer_input"] is JsonValue value && value.TryGetValue(out int number) ? number : PublishedPerLayerRows;
            if (rows.Value <= said || !_text.ContainsKey("vocab_size_per_layer_input"))
            {
                Set("vocab_size_per_layer_input", rows with { Value = Math.Min(rows.Value, said) });
            }
        }

        SetReal("rms_norm_eps", "attention.layer_norm_rms_epsilon");
        SetReal("final_logit_softcapping", "final_logit_softcapping");
        SetRope();
        if (_metadata.Flag(Prefix + "altup.correct_scale") is bool scaled)
        {
            _text["altup_correct_scale"] = scaled;
            NoteKey("altup_correct_scale", "altup.correct_scale");
        }
        else if (!_text.ContainsKey("altup_correct_scale"))
        {
            _text["altup_correct_scale"] = _tensors.ContainsKey("language_model.layers.0.altup.correct_output_scale");
        }

        bool tied = !_tensors.ContainsKey("lm_head.weight");
        (Root["tie_word_embeddings"], _text["tie_word_embeddings"]) = (tied, tied);
        _places.Note("$.tie_word_embeddings", "output.weight");
        _places.Note(TextPath("tie_word_embeddings"), "output.weight");
        Set("pad_token_id", Token("padding_token_id"));
        Set("bos_token_id", Token("bos_token_id"));
        SetWidths();
        SetLayerTypes();
        SetSparsity();
    }

    void SetRope()
    {
        const string Full = "rope.freq_base", Sliding = "rope.freq_base_swa", Local = "rope.freq_base_local";
        double? full = _metadata.Number(Prefix + Full);
        double? sliding = _metadata.Number(Prefix + Sliding) ?? _metadata.Number(Prefix + Local);
        if ((full ?? sliding) is null)
        {
            return;
        }

        // The newest form of the settings has them elsewhere, and it would come first.
        _text.Remove("rope_parameters");
        _text["rope_theta"] = full ?? 1e6;
        _text["rope_local_base_freq"] = sliding ?? 1e4;
        NoteKey("rope_theta", Full);
        NoteKey("rope_local_base_freq", _metadata.Contains(Prefix + Local) && !_metadata.Contains(Prefix + Sliding) ? Local : Sliding);
    }

    void SetWidths()
    {
        const string Key = "feed_forward_length", Gate = "layers.0.mlp.gate_proj";
        double[]? listed = PerLayer(Key);
        Found? one = listed is null ? Whole(Key) : null;
        if (listed is null && one is null && Rows(Gate) is null)
        {
            return;
        }

        var widths = new JsonArray();
        for (int i = 0; i < _layers; i++)
        {
            double width = Rows($"layers.{i}.mlp.gate_proj")?.Value ?? listed?[i] ?? one?.Value ?? 0;
            widths.Add((JsonNode?)JsonValue.Create(width));
        }

        _text["intermediate_size"] = widths;
        _places.Note(TextPath("intermediate_size"), Rows(Gate) is null ? Prefix + Key : "the numbers of rows of blk.N.ffn_gate.weight");
    }

    void SetLayerTypes()
    {
        const string Key = "attention.sliding_window_pattern";
        if (_metadata.Contains(Prefix + Key))
        {
            NoteKey("layer_types", Key);
        }

        if (PerLayer(Key) is double[] pattern)
        {
            _text["layer_types"] = Types(i => pattern[i] == 0);
        }
        else if (_metadata.Contains(Prefix + Key))
        {
            int period = Whole(Key)!.Value.Value;
            _text["layer_types"] = Types(i => (i + 1) % period == 0);
        }

        JsonArray Types(Func<int, bool> isFull) =>
            new([.. Enumerable.Range(0, _layers).Select(i => JsonValue.Create(isFull(i) ? "full_attention" : "sliding_attention"))]);
    }

    void SetSparsity()
    {
        const string Key = "activation_sparsity_scale";

        // Shares of half and less have multipliers that stand for no cut; a file with whole settings has the shares themselves.
        if (PerLayer(Key) is double[] scales && (_text["activation_sparsity_pattern"] is not JsonArray shares || shares.Count != _layers))
        {
            int wrong = Array.FindIndex(scales, scale => double.IsFinite(scale) && scale > MostSparsity);
            if (wrong >= 0)
            {
                throw _metadata.Wrong(FormattableString.Invariant($"{Prefix}{Key}[{wrong}]"), scales[wrong], FormattableString.Invariant(
                    $"a multiplier of the deviation up to {MostSparsity}"));
            }

            _text["activation_sparsity_pattern"] = new JsonArray([.. scales.Select(scale => JsonValue.Create(GgufSparsity.Share(scale)))]);
            NoteKey("activation_sparsity_pattern", Key);
        }
    }

    void ReadProjector(GgufFile? projector)
    {
        if (projector is null)
        {
            return;
        }

        GgufMetadata keys = projector.Metadata;
        _ = keys.Int(ImageSize, 1, LargestImage);
        _ = keys.Int("clip.vision.patch_size", 1);
        if (_tensors.TryGetValue("embed_vision.embedding.weight", out StoredTensor? vision) && vision.Shape.Count == 2)
        {
            JsonObject section = Section("vision_config");
            (section["vocab_size"], section["hidden_size"]) = (vision.Shape[0], vision.Shape[1]);
            NoteEmbedding("vision_config", vision.Name);
            if (_tensors.TryGetValue("vision_tower.timm_model.conv_stem.conv.weight", out StoredTensor? stem) && stem.Shape.Count == 4)
            {
                JsonObject args = section["model_args"] as JsonObject ?? [];
                args["stem_size"] = stem.Shape[0];
                _places.Note("$.vision_config.model_args.stem_size", $"the number of channels of {stem.Name}", projector.Name);
                section["model_args"] = args;
            }
        }

        void NoteEmbedding(string section, string tensor)
        {
            _places.Note($"$.{section}.vocab_size", $"the number of rows of {tensor}", projector.Name);
            _places.Note($"$.{section}.hidden_size", $"the width of {tensor}", projector.Name);
        }

        if (_tensors.TryGetValue("embed_audio.embedding.weight", out StoredTensor? audio) && audio.Shape.Count == 2)
        {
            JsonObject section = Section("audio_config");
            (section["vocab_size"], section["hidden_size"]) = (audio.Shape[0], audio.Shape[1]);
            NoteEmbedding("audio_config", audio.Name);
            foreach ((string field, string key, int most) in (ReadOnlySpan<(string, string, int)>)
                [("conf_num_hidden_layers", "clip.audio.block_count", MostLayers), ("conf_num_attention_heads", "clip.audio.attention.head_count", 1024)])
            {
                if (keys.Int(key, 1, most) is int number)
                {
                    section[field] = number;
                    _places.Note("$.audio_config." + field, key, projector.Name);
                }
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
    Found? Token(string key)
    {
        string whole = "tokenizer.ggml." + key;
        return _metadata.Int(whole, 0, Math.Max(1, Vocabulary) - 1) is int id ? new Found(id, whole) : null;
    }

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

    Found? Whole(string key, int least = 1, int most = 1 << 24) =>
        _metadata.Int(Prefix + key, least, most) is int value ? new Found(value, Prefix + key) : null;

    /// <summary>A number, or the one that a list has throughout.</summary>
    Found? Same(string key)
    {
        if (PerLayer(key) is not double[] list)
        {
            return Whole(key);
        }

        return list.Distinct().Count() == 1 && list[0] is >= 1 and <= 1024 && list[0] == Math.Floor(list[0]) ? new Found((int)list[0], Prefix + key)
            : throw new GgufException(_file.Path, $"has a list {Prefix}{key} of different or impossible numbers; this model has one for all layers.");
    }

    double[]? PerLayer(string key)
    {
        double[]? list = _metadata.Numbers(Prefix + key);
        return list is null || list.Length == _layers ? list
            : throw new GgufException(_file.Path, $"has {list.Length} entries in {Prefix}{key}; one for each of the {_layers} layers is needed.");
    }

    Found? Rows(string name) => Axis(name, 0);

    Found? Columns(string name) => Axis(name, 1);

    Found? Axis(string name, int axis)
    {
        if (!_tensors.TryGetValue($"language_model.{name}.weight", out StoredTensor? tensor) || tensor.Shape.Count <= axis || tensor.Shape[axis] > int.MaxValue)
        {
            return null;
        }

        string what = tensor.Shape.Count == 1 ? "length" : axis == 0 ? "number of rows" : "width";
        return new Found((int)tensor.Shape[axis], $"the {what} of {tensor.Name}");
    }

    static string TextPath(string field) => "$.text_config." + field;

    void NoteKey(string field, string key) => _places.Note(TextPath(field), Prefix + key);

    void Set(string field, Found? value)
    {
        if (value is Found known)
        {
            _text[field] = known.Value;
            _places.Note(TextPath(field), known.Place);
        }
    }

    void SetReal(string field, string key)
    {
        if (_metadata.Number(Prefix + key) is double value)
        {
            NoteKey(field, key);

            // Stored as float32, which 1e-6 is not exactly; the shortest decimal that is the same float32 is what was meant.
            _text[field] = double.IsFinite(value) ? double.Parse(((float)value).ToString("R", System.Globalization.CultureInfo.InvariantCulture),
                System.Globalization.CultureInfo.InvariantCulture) : throw _metadata.Wrong(Prefix + key, value, "a finite number");
        }
    }
}
