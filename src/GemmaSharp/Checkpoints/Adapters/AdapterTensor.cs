namespace GemmaSharp.Checkpoints.Adapters;

/// <summary>A tensor of an adapter's file.</summary>
/// <param name="File">Name of the file.</param>
/// <param name="Entry">Type, shape and place.</param>
/// <param name="Module">The module it changes, by the name in the file without peft's own prefix.</param>
/// <param name="Part">Which half it is; null for what is no half of a LoRA pair.</param>
/// <param name="Kind">What it is when it is no half, "DoRA"; null for a weight of an unknown kind.</param>
sealed record AdapterTensor(string File, TensorEntry Entry, string Module, AdapterPart? Part, string? Kind)
{
    const string PeftPrefix = "base_model.model.";

    // Parts of tensor names that give away what a peft adapter of another kind is.
    static readonly (string Start, string Kind)[] s_peftKinds =
    [
        ("lora_embedding_", "LoRA on an embedding table"), ("lora_magnitude_vector", "DoRA"), ("lora_E", "AdaLoRA"), ("ranknum", "AdaLoRA"),
            ("lora_diag", "KaSA"),
        ("hada_", "LoHa"), ("lokr_", "LoKr"), ("ia3_", "IA3"), ("boft_", "BOFT"), ("oft_", "OFT"), ("vera_", "VeRA"), ("randlora_", "RandLoRA"),
            ("fourierft_", "FourierFT"), ("hra_", "HRA"),
        ("vblora_", "VB-LoRA"), ("bone_", "Bone"), ("miss_", "MiSS"), ("shira_", "SHiRA"), ("c3a_", "C3A"), ("road_", "RoAd"),
            ("trainable_tokens_", "trained token embeddings"), ("prompt_embeddings", "prompt tuning"),
        ("modules_to_save", "a whole module saved with the adapter (modules_to_save)"),
    ];

    /// <summary>Reads a name as peft writes it: <c>base_model.model.&lt;module&gt;.lora_A[.&lt;adapter&gt;].weight</c>.</summary>
    /// <param name="file">Name of the file.</param>
    /// <param name="entry">Type, shape and place.</param>
    /// <param name="name">The name, without what a training program put around it.</param>
    public static AdapterTensor Peft(string file, TensorEntry entry, string name)
    {
        name = name.StartsWith(PeftPrefix, StringComparison.Ordinal) ? name[PeftPrefix.Length..] : name;
        string[] segments = name.Split('.');
        for (int i = 1; i < segments.Length; i++)
        {
            AdapterPart? part = segments[i] switch { "lora_A" => AdapterPart.Down, "lora_B" => AdapterPart.Up, _ => null };
            if (part is not null)
            {
                // Older saves keep the adapter's name, usually "default", between the two.
                string module = string.Join('.', segments[..i]);
                bool weight = segments[^1] == "weight" && segments.Length - i is 2 or 3;
                string? kind = segments[^1] == "bias" ? "a bias of the pair (lora_bias)" : null;
                return segments[i - 1] == "base_layer"
                    ? new AdapterTensor(file, entry, module, null, "LoRA on bare parameters (target_parameters)")
                    : new AdapterTensor(file, entry, module, weight ? part : null, kind);
            }

            foreach ((string start, string kind) in s_peftKinds)
            {
                if (segments[i].StartsWith(start, StringComparison.Ordinal))
                {
                    return new AdapterTensor(file, entry, string.Join('.', segments[..i]), null, kind);
                }
            }
        }

        return Whole(file, entry, name);
    }

    /// <summary>Reads a name as mlx-lm writes it: <c>&lt;module&gt;.lora_a</c>.</summary>
    /// <param name="file">Name of the file.</param>
    /// <param name="entry">Type, shape and place.</param>
    /// <param name="name">The name, without what a training program put around it.</param>
    public static AdapterTensor Mlx(string file, TensorEntry entry, string name)
    {
        int dot = name.LastIndexOf('.');
        string module = dot < 0 ? "" : name[..dot], leaf = name[(dot + 1)..];
        return leaf switch
        {
            "lora_a" => new AdapterTensor(file, entry, module, AdapterPart.Down, null),
            "lora_b" => new AdapterTensor(file, entry, module, AdapterPart.Up, null),
            "m" => new AdapterTensor(file, entry, module, null, "DoRA"),
            "A" or "B" => new AdapterTensor(file, entry, module, null, "mlx-vlm's LoRA"),
            _ when leaf.StartsWith("lora_", StringComparison.Ordinal) => new AdapterTensor(file, entry, module, null, "quantised LoRA"),
            _ => Whole(file, entry, name),
        };
    }

    static AdapterTensor Whole(string file, TensorEntry entry, string name)
    {
        int dot = name.LastIndexOf('.');
        return new AdapterTensor(file, entry, dot < 0 ? name : name[..dot], null,
            name[(dot + 1)..] is "weight" or "bias" or "scales" or "biases" ? "a whole tensor and no change of one" : null);
    }
}

/// <summary>The halves of a LoRA pair.</summary>
enum AdapterPart
{
    /// <summary>A: from the layer's inputs to the rank.</summary>
    Down,

    /// <summary>B: from the rank to the layer's outputs.</summary>
    Up,
}
