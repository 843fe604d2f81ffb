using System.Globalization;
using System.Text;
using GemmaSharp.Checkpoints.Gguf;
using GemmaSharp.Prompting.Tokenization;

namespace GemmaSharp;

/// <summary>Reads the tokenizer out of the keys of a GGUF file.</summary>
static class GgufVocabulary
{
    const string Prefix = "tokenizer.ggml.";

    /// <summary>Ids that Gemma 3n has from here on are those of its pictures and sounds; smaller vocabularies name their own.</summary>
    const int GemmaTokens = 262144;

    static readonly Dictionary<int, string> s_names = new()
    {
        [255999] = "<start_of_image>",
        [256000] = "<start_of_audio>",
        [262144] = "<end_of_image>",
        [262145] = "<image_soft_token>",
        [262272] = "<end_of_audio>",
        [262273] = "<audio_soft_token>",
    };

    /// <summary>Reads it.</summary>
    /// <param name="metadata">The keys.</param>
    /// <param name="settings">The pieces of the roles.</param>
    /// <exception cref="TokenizerException">It is of another form, or broken.</exception>
    /// <exception cref="GgufException">A key is of another type.</exception>
    public static TokenizerModel Read(GgufMetadata metadata, out TokenizerSettings settings)
    {
        string? model = metadata.Text(Prefix + "model");
        if (model is not ("llama" or "gpt2"))
        {
            throw new TokenizerException(model is null
                ? "The file has no tokenizer (tokenizer.ggml.model); download it again."
                : $"The file's tokenizer is of model \"{Shown(model)}\"; \"llama\", which Gemma 3n has, is needed, so get another conversion.");
        }

        GgufStrings tokens = metadata.Texts(Prefix + "tokens") is { Count: > 0 } some ? some
            : throw new TokenizerException("The file has no tokens (tokenizer.ggml.tokens); download it again.");

        // Files whose tokenizer was read from merges have ids in place of scores, and no kinds that mean anything.
        bool scored = model == "llama";
        GgufStrings? merges = metadata.Texts(Prefix + "merges");
        float[]? scores = scored && metadata.Numbers(Prefix + "scores") is double[] listed ? Array.ConvertAll(listed, score => (float)score) : null;
        int[]? kinds = metadata.Numbers(Prefix + "token_type") is double[] types ? Array.ConvertAll(types, type => (int)type) : null;
        if (!scored)
        {
            kinds = WithBytes(tokens, kinds);
        }

        bool addsBos = metadata.Flag(Prefix + "add_bos_token") ?? true;
        var pieces = new Dictionary<string, string>();
        foreach ((string key, string role) in (ReadOnlySpan<(string, string)>)
            [("bos_token_id", "bos_token"), ("padding_token_id", "pad_token"), ("unknown_token_id", "unk_token")])
        {
            if (metadata.Int(Prefix + key, 0, tokens.Count - 1) is int id)
            {
                pieces[role] = tokens.Text(id);
            }
        }

        settings = TokenizerSettings.With(pieces, addsBos);
        return new ScoredVocabulary
        {
            Count = tokens.Count,
            Piece = id => tokens[id],
            Scores = scores,
            Kinds = kinds,
            MergeCount = merges?.Count ?? 0,
            Merge = merges is null ? null : index => merges[index],
            UnknownId = metadata.Int(Prefix + "unknown_token_id", 0, tokens.Count - 1),
            AddsBos = addsBos,
            Names = HasGemmasIds(tokens) ? s_names : new Dictionary<int, string>(),
        }.ToModel();
    }

    /// <summary>Whether ids mean what they do in Gemma 3n, as far as the list says. That of Gemma 3, which is as long, has other names.</summary>
    static bool HasGemmasIds(GgufStrings tokens) =>
        tokens.Count == GemmaTokens || (tokens.Count > GemmaTokens && tokens.Text(GemmaTokens) is string first
            && (first == s_names[GemmaTokens] || first == $"[PAD{GemmaTokens}]"));

    /// <summary>Byte pieces that are marked as text, by their spelling.</summary>
    static int[] WithBytes(GgufStrings tokens, int[]? kinds)
    {
        int[] marked = kinds is not null && kinds.Length == tokens.Count ? [.. kinds] : Enumerable.Repeat((int)PieceKind.Normal, tokens.Count).ToArray();
        for (int id = 0; id < tokens.Count; id++)
        {
            ReadOnlySpan<byte> token = tokens[id];
            if (token.Length == 6 && token.StartsWith("<0x"u8) && token[5] == (byte)'>'
                && byte.TryParse(Encoding.UTF8.GetString(token[3..5]), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out _))
            {
                marked[id] = (int)PieceKind.Byte;
            }
        }

        return marked;
    }

    static string Shown(string text) => string.Concat(text.Take(40).Select(character => char.IsControl(character) ? '?' : character));
}
