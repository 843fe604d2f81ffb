namespace GemmaSharp.Checkpoints;

/// <summary>One table of names for every scheme in which Gemma 3n checkpoints are written.</summary>
/// <remarks>
/// Canonical names are Hugging Face's without the leading <c>model.</c>: <c>language_model.layers.0.…</c>, <c>vision_tower.…</c>,
/// <c>audio_tower.…</c>, <c>embed_vision.…</c>, <c>embed_audio.…</c>, <c>lm_head.weight</c>.
/// <list type="table">
/// <item><term>Hugging Face</term><description><c>model.language_model.X</c>, <c>model.vision_tower.…</c>, <c>lm_head.weight</c></description></item>
/// <item><term>mlx-vlm</term><description><c>language_model.model.X</c>, <c>vision_tower.…</c>, <c>language_model.lm_head.weight</c></description></item>
/// <item><term>mlx-lm</term><description><c>model.language_model.X</c> only</description></item>
/// <item><term>text only</term><description><c>model.X</c></description></item>
/// <item><term>pre-release</term><description><c>model.language_model.model.X</c>, <c>model.language_model.lm_head.weight</c></description></item>
/// </list>
/// </remarks>
static class TensorNames
{
    const string Model = "model.";
    const string LanguageModel = "language_model.";
    const string Head = "lm_head.";

    static readonly string[] s_parts = [LanguageModel, "vision_tower.", "audio_tower.", "embed_vision.", "embed_audio.", Head];

    // Buffers some programs store among the weights: they follow from the configuration.
    static readonly string[] s_computed =
    [
        ".rotary_emb.inv_freq", ".rotary_emb.original_inv_freq", ".rotary_emb_local.inv_freq", ".embed_scale", ".router_input_scale",
        ".per_layer_projection_scale", ".per_layer_input_scale", ".v_norm.weight", ".inv_timescales", ".q_scale", ".softcap",
        ".local_causal_valid_mask", ".gradient_clipping", ".embedding_post_projection_norm.weight",
    ];

    /// <summary>The canonical name of <paramref name="name"/>.</summary>
    /// <param name="name">A name as stored.</param>
    /// <param name="textOnly">Whether no name of the checkpoint mentions a language model, so that <c>model.X</c> is the text model.</param>
    public static string Canonical(string name, bool textOnly = false)
    {
        string rest = name.StartsWith(Model, StringComparison.Ordinal) ? name[Model.Length..] : name;
        if (IsOfModel(rest))
        {
            return WithoutInnerModel(rest);
        }

        return textOnly && !ReferenceEquals(rest, name) ? LanguageModel + rest : name;
    }

    /// <summary>Whether none of the stored <paramref name="names"/> mentions the language model by name.</summary>
    public static bool IsTextOnly(IEnumerable<string> names) =>
        !names.Any(name => name.Contains(LanguageModel, StringComparison.Ordinal));

    /// <summary>Whether <paramref name="names"/>, as stored, are mostly those of this model.</summary>
    public static bool AreOfModel(IReadOnlyCollection<string> names)
    {
        bool textOnly = IsTextOnly(names);
        return 2 * names.Count(name => IsOfModel(Canonical(name, textOnly))) > names.Count;
    }

    /// <summary>The Hugging Face name of a canonical one: <c>model.</c> before everything but the head.</summary>
    public static string HuggingFace(string canonical) =>
        canonical.StartsWith(Head, StringComparison.Ordinal) ? canonical : Model + canonical;

    /// <summary>The name in a checkpoint of the text model alone (<c>Gemma3nForCausalLM</c>): <c>model.X</c>.</summary>
    public static string TextOnly(string canonical) =>
        canonical.StartsWith(LanguageModel, StringComparison.Ordinal) ? Model + canonical[LanguageModel.Length..] : HuggingFace(canonical);

    /// <summary>Whether a canonical name is below one of the model's parts.</summary>
    public static bool IsOfModel(string canonical) => Array.Exists(s_parts, part => canonical.StartsWith(part, StringComparison.Ordinal));

    /// <summary>The mlx-vlm name of a canonical one.</summary>
    public static string Mlx(string canonical) =>
        canonical.StartsWith(Head, StringComparison.Ordinal) ? LanguageModel + canonical
        : canonical.StartsWith(LanguageModel, StringComparison.Ordinal) ? LanguageModel + Model + canonical[LanguageModel.Length..]
        : canonical;

    /// <summary>Whether <paramref name="canonical"/> names a buffer that is computed and never read from a file.</summary>
    public static bool IsComputed(string canonical) => Array.Exists(s_computed, end => canonical.EndsWith(end, StringComparison.Ordinal));

    static string WithoutInnerModel(string name)
    {
        if (!name.StartsWith(LanguageModel, StringComparison.Ordinal))
        {
            return name;
        }

        string rest = name[LanguageModel.Length..];
        return rest.StartsWith(Head, StringComparison.Ordinal) ? rest
            : rest.StartsWith(Model, StringComparison.Ordinal) ? LanguageModel + rest[Model.Length..]
            : name;
    }

    /// <summary>A module path without what naming schemes add in front, <c>model.</c> and <c>language_model.</c>: equal when two names are of one
    /// module.</summary>
    internal static string Bare(string path)
    {
        foreach (string prefix in (ReadOnlySpan<string>)["model.", "language_model.", "model."])
        {
            path = path.StartsWith(prefix, StringComparison.Ordinal) ? path[prefix.Length..] : path;
        }

        return path;
    }
}
