using System.Text.Json;

namespace GemmaSharp.Prompting.Tokenization;

/// <summary>What <c>tokenizer_config.json</c> says about tokens: the piece that each role has.</summary>
internal sealed class TokenizerSettings
{
    /// <summary>The pieces of Gemma 3n, for files that do not say.</summary>
    static readonly Dictionary<string, string> s_usual = new()
    {
        ["bos_token"] = "<bos>",
        ["eos_token"] = "<eos>",
        ["pad_token"] = "<pad>",
        ["unk_token"] = "<unk>",
        ["image_token"] = "<image_soft_token>",
        ["boi_token"] = "<start_of_image>",
        ["eoi_token"] = "<end_of_image>",
        ["audio_token"] = "<audio_soft_token>",
        ["boa_token"] = "<start_of_audio>",
        ["eoa_token"] = "<end_of_audio>",
        ["sot_token"] = "<start_of_turn>",
        ["eot_token"] = "<end_of_turn>",
    };

    readonly Dictionary<string, string> _pieces = new(s_usual);

    /// <summary>The roles' names as in the file.</summary>
    public static IReadOnlyCollection<string> Roles => s_usual.Keys;

    /// <summary><c>add_bos_token</c>, or null where the file is silent.</summary>
    public bool? AddsBos { get; private init; }

    /// <summary>The piece of a role.</summary>
    public string this[string role] => _pieces[role];

    /// <summary>The usual pieces but for some roles.</summary>
    public static TokenizerSettings With(IReadOnlyDictionary<string, string> pieces, bool? addsBos)
    {
        TokenizerSettings settings = new() { AddsBos = addsBos };
        foreach ((string role, string piece) in pieces)
        {
            settings._pieces[role] = piece;
        }

        return settings;
    }

    /// <summary>Reads the file: top-level names first, then <c>model_specific_special_tokens</c>, then <c>extra_special_tokens</c>.</summary>
    /// <exception cref="TokenizerException">A token is named by something else than a string.</exception>
    /// <param name="root"><c>tokenizer_config.json</c>.</param>
    /// <param name="map"><c>special_tokens_map.json</c>, which counts where the other is silent; null where there is none.</param>
    public static TokenizerSettings From(JsonElement root, JsonElement? map = null)
    {
        if (root.ValueKind != JsonValueKind.Object)
        {
            throw new TokenizerException($"tokenizer_config.json holds {root.ValueKind}; it must be an object.");
        }

        TokenizerSettings settings = new()
        {
            AddsBos = root.TryGetProperty("add_bos_token", out JsonElement adds)
                && adds.ValueKind is JsonValueKind.True or JsonValueKind.False ? adds.GetBoolean() : null,
        };
        foreach (string role in Roles)
        {
            string? piece = PieceIn(root, role) ?? NestedPiece("model_specific_special_tokens") ?? NestedPiece("extra_special_tokens")
                ?? (map is JsonElement other ? PieceIn(other, role) : null);
            settings._pieces[role] = piece ?? s_usual[role];

            string? NestedPiece(string group) => root.TryGetProperty(group, out JsonElement tokens) ? PieceIn(tokens, role) : null;
        }

        return settings;
    }

    static string? PieceIn(JsonElement group, string role)
    {
        if (group.ValueKind != JsonValueKind.Object || !group.TryGetProperty(role, out JsonElement value))
        {
            return null;
        }

        // Older files wrap the piece: {"content": "<bos>", "lstrip": false, …}.
        if (value.ValueKind == JsonValueKind.Object && value.TryGetProperty("content", out JsonElement content))
        {
            value = content;
        }

        return value.ValueKind switch
        {
            JsonValueKind.String => value.GetString(),
            JsonValueKind.Null => null,
            _ => throw new TokenizerException($"{role} of tokenizer_config.json is {value.ValueKind}; it must be the token's text."),
        };
    }
}
