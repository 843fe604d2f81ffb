using System.Buffers;
using System.Globalization;
using System.Text;
using GemmaSharp.Checkpoints.Gguf;
using GemmaSharp.Prompting.Tokenization;

namespace GemmaSharp;

/// <summary>Text to token ids and back: the byte-pair encoding with byte fallback that <c>tokenizer.json</c> describes.</summary>
/// <remarks>
/// Immutable and thread-safe. The real vocabulary (262,144 pieces, 514,906 merges) takes about 25 MB. Encoding takes
/// O(n log n) for n characters, also where the text has no space. Source: tokenizers (Rust), <c>BPE</c> and <c>AddedVocabulary</c>.
/// </remarks>
public sealed class Tokenizer
{
    readonly Vocabulary _vocabulary;
    readonly MergeTable _merges;
    readonly BytePairEncoder _encoder;
    readonly Dictionary<int, AddedToken> _added;
    readonly AddedTokenMatcher _raw;
    readonly AddedTokenMatcher _normalized;
    readonly Dictionary<string, int> _roles = [];
    readonly bool _replacesSpaces;

    Tokenizer(TokenizerModel model, TokenizerSettings settings)
    {
        (_vocabulary, _merges, _replacesSpaces) = (model.Vocabulary, model.Merges, model.ReplacesSpaces);
        _encoder = new BytePairEncoder(model);
        foreach (string role in TokenizerSettings.Roles)
        {
            if (_vocabulary.TryGetId(settings[role], out int id))
            {
                _roles[role] = id;
            }
        }

        // Control is what the file marks special and what the roles name, should a file forget to mark one.
        HashSet<int> roles = [.. _roles.Values];
        List<AddedToken> added = [.. model.AddedTokens.Select(token => token with { Control = token.Special || roles.Contains(token.Id) })];

        // A run of spaces may have two spellings.
        _added = added.DistinctBy(token => token.Id).ToDictionary(token => token.Id);
        _raw = new AddedTokenMatcher(added.Where(token => !token.Normalized));
        _normalized = new AddedTokenMatcher(
            added.Where(token => token.Normalized).Select(token => token with { Content = Normalize(token.Content) }).DistinctBy(token => token.Content));
        UnkTokenId = model.UnknownId ?? RoleId("unk_token");
        AddsBos = settings.AddsBos ?? model.PrependsBos;
        CheckMerges();
    }

    /// <summary>One more than the largest id with a piece. The model's own vocabulary may be larger: ids above have no text.</summary>
    public int VocabularySize => _vocabulary.Size;

    /// <summary>Whether a prompt that is not a chat begins with <see cref="BosTokenId"/>: <c>add_bos_token</c>, else the post-processor.</summary>
    public bool AddsBos { get; }

    /// <summary>Begin of sequence, <c>&lt;bos&gt;</c>.</summary>
    public int? BosTokenId => RoleId("bos_token");

    /// <summary>End of sequence, <c>&lt;eos&gt;</c>.</summary>
    public int? EosTokenId => RoleId("eos_token");

    /// <summary>Padding, <c>&lt;pad&gt;</c>.</summary>
    public int? PadTokenId => RoleId("pad_token");

    /// <summary>What stands for text that cannot be encoded, <c>&lt;unk&gt;</c>.</summary>
    public int? UnkTokenId { get; }

    /// <summary>The place of one image feature, <c>&lt;image_soft_token&gt;</c>.</summary>
    public int? ImageTokenId => RoleId("image_token");

    /// <summary>Begin of image, <c>&lt;start_of_image&gt;</c>.</summary>
    public int? BoiTokenId => RoleId("boi_token");

    /// <summary>End of image, <c>&lt;end_of_image&gt;</c>.</summary>
    public int? EoiTokenId => RoleId("eoi_token");

    /// <summary>The place of one audio feature, <c>&lt;audio_soft_token&gt;</c>.</summary>
    public int? AudioTokenId => RoleId("audio_token");

    /// <summary>Begin of audio, <c>&lt;start_of_audio&gt;</c>.</summary>
    public int? BoaTokenId => RoleId("boa_token");

    /// <summary>End of audio, <c>&lt;end_of_audio&gt;</c>.</summary>
    public int? EoaTokenId => RoleId("eoa_token");

    /// <summary>Begin of a turn of a chat, <c>&lt;start_of_turn&gt;</c>.</summary>
    public int? StartOfTurnTokenId => RoleId("sot_token");

    /// <summary>End of a turn of a chat, <c>&lt;end_of_turn&gt;</c>: where chat models stop.</summary>
    public int? EndOfTurnTokenId => RoleId("eot_token");

    /// <summary>Loads the tokenizer of a checkpoint.</summary>
    /// <param name="folder">
    /// Holds <c>tokenizer.json</c>, and <c>tokenizer_config.json</c> and <c>special_tokens_map.json</c> if there are any. Or a GGUF file, or the folder of one.
    /// </param>
    /// <exception cref="TokenizerException">A file is missing, broken or of another form.</exception>
    /// <exception cref="GgufException">The GGUF file is unsound.</exception>
    public static Tokenizer Load(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (GgufModel.Find(folder) is string file)
        {
            IReadOnlyList<GgufFile> parts = GgufSplits.Open(file);
            foreach (GgufFile part in parts)
            {
                part.Dispose();
            }

            return FromGguf(parts[0].Metadata);
        }

        byte[] tokenizer = TokenizerFile.ReadIfPresent(Path.Combine(folder, "tokenizer.json")) ?? throw new TokenizerException(
            $"{folder} has no tokenizer.json; put the one of the checkpoint there (a tokenizer.model alone is not read).");
        return FromBytes(
            tokenizer, TokenizerFile.ReadIfPresent(Path.Combine(folder, "tokenizer_config.json")),
            TokenizerFile.ReadIfPresent(Path.Combine(folder, "special_tokens_map.json")));
    }

    /// <summary>Loads a tokenizer from streams, which are read to their end and stay open.</summary>
    /// <param name="tokenizerJson"><c>tokenizer.json</c>.</param>
    /// <param name="tokenizerConfigJson"><c>tokenizer_config.json</c>, or null for the names Gemma 3n uses.</param>
    /// <exception cref="TokenizerException">A file is broken or of another form.</exception>
    public static Tokenizer Load(Stream tokenizerJson, Stream? tokenizerConfigJson = null)
    {
        ArgumentNullException.ThrowIfNull(tokenizerJson);
        return FromBytes(
            TokenizerFile.ReadAll(tokenizerJson, "tokenizer.json"),
            tokenizerConfigJson is null ? null : TokenizerFile.ReadAll(tokenizerConfigJson, "tokenizer_config.json"));
    }

    /// <summary>The ids of a text.</summary>
    /// <param name="text">Any string; a lone surrogate counts as U+FFFD.</param>
    /// <param name="addBos">Whether <see cref="BosTokenId"/> comes first.</param>
    /// <param name="allowSpecial">
    /// Whether text that spells a control token becomes that token. Off, it is ordinary characters, and text of strangers cannot
    /// end a turn or pose as a picture. Other added tokens (runs of newlines, HTML tags) are found in both cases.
    /// </param>
    /// <exception cref="InvalidOperationException">A bos is wanted and the tokenizer has none.</exception>
    public int[] EncodeToIds(string text, bool addBos = false, bool allowSpecial = true) => [.. EncodeToList(text, addBos, allowSpecial)];

    /// <summary>The tokens of a text with their spelling.</summary>
    /// <inheritdoc cref="EncodeToIds" path="/param|/exception"/>
    public IReadOnlyList<TokenPiece> EncodeToPieces(string text, bool addBos = false, bool allowSpecial = true) =>
        [.. EncodeToList(text, addBos, allowSpecial).Select(id => new TokenPiece(id, IdToPiece(id)!))];

    /// <summary>How many ids a text has.</summary>
    /// <inheritdoc cref="EncodeToIds" path="/param|/exception"/>
    public int CountTokens(string text, bool addBos = false, bool allowSpecial = true) => EncodeToList(text, addBos, allowSpecial).Count;

    /// <summary>The text of ids.</summary>
    /// <param name="ids">Any ids; those without a piece have no text.</param>
    /// <param name="skipSpecial">Whether tokens marked special are left out.</param>
    /// <returns>
    /// The pieces in a row, a space for every <c>▁</c>. Neighbouring byte pieces are one UTF-8 text; if that is not valid as a whole,
    /// each of its bytes becomes U+FFFD, as in the reference.
    /// </returns>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecial = true)
    {
        StreamingDetokenizer detokenizer = new(this, skipSpecial);
        StringBuilder text = new();
        foreach (int id in ids)
        {
            detokenizer.Append(id, text);
        }

        detokenizer.Flush(text);
        return text.ToString();
    }

    /// <summary>The id of a piece as the vocabulary spells it.</summary>
    public bool TryGetId(ReadOnlySpan<char> piece, out int id) => _vocabulary.TryGetId(piece, out id);

    /// <summary>The piece of an id as the vocabulary spells it, or null where the id has none.</summary>
    public string? IdToPiece(int id) => _vocabulary.Contains(id) ? Encoding.UTF8.GetString(_vocabulary[id]) : null;

    /// <summary>What a token stands for by itself: its text with <c>\xNN</c> for a byte that is part of a character, and its bytes.</summary>
    /// <param name="id">The token.</param>
    public (string Text, byte[] Bytes) Spell(int id)
    {
        if (Byte(id) is byte value)
        {
            return (value < 0x80 ? ((char)value).ToString() : $"\\x{value:x2}", [value]);
        }

        string text = Decode([id], skipSpecial: false);
        return (text, Encoding.UTF8.GetBytes(text));
    }

    /// <summary>Whether a token stands for a single byte, which the vocabulary spells <c>&lt;0xNN&gt;</c>.</summary>
    public bool IsByte(int id) => Byte(id) is not null;

    byte? Byte(int id) =>
        IdToPiece(id) is { Length: 6 } piece && piece.StartsWith("<0x", StringComparison.Ordinal) && piece[5] == '>'
            && byte.TryParse(piece.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte value) ? value : null;

    /// <summary>Whether decoding may leave an id out: the file marks it special.</summary>
    public bool IsSpecial(int id) => _added.TryGetValue(id, out AddedToken? token) && token.Special;

    /// <summary>Whether a token has no place in text: it is special, has a role such as begin of image, or is reserved (<c>&lt;unusedN&gt;</c>).</summary>
    internal bool IsControl(int id) =>
        (_added.TryGetValue(id, out AddedToken? token) && (token.Special || token.Control)) || Utf8Piece(id).StartsWith("<unused"u8);

    /// <summary>What a piece is for.</summary>
    internal PieceKind KindOf(int id) =>
        id == UnkTokenId ? PieceKind.Unknown
        : _added.TryGetValue(id, out AddedToken? token) ? token.Special || token.Control ? PieceKind.Control : PieceKind.UserDefined
        : IsByte(id) ? PieceKind.Byte : PieceKind.Normal;

    /// <summary>The added tokens, each once.</summary>
    internal IEnumerable<AddedToken> AddedTokens => _added.Values;

    /// <summary>All merges in the order of their ranks.</summary>
    internal IEnumerable<(int Left, int Right, int Merged)> Merges => _merges.InOrder();

    /// <summary>The UTF-8 spelling of an id, empty where it has none.</summary>
    internal ReadOnlySpan<byte> Utf8Piece(int id) => _vocabulary.Contains(id) ? _vocabulary[id] : default;

    /// <summary>Appends the ids of a text.</summary>
    internal void Encode(string text, bool allowSpecial, List<int> destination)
    {
        if (text.Length == 0)
        {
            return;
        }

        using SymbolList symbols = new(_merges);
        ReadOnlySpan<char> rest = MakeWellFormed(text);
        int position = 0, taken = 0;
        while (_raw.TryFind(rest, ref position, taken, allowSpecial, out AddedTokenMatch match))
        {
            EncodeBetween(rest[taken..Math.Max(taken, match.Start)], allowSpecial, symbols, destination);
            destination.Add(match.Id);
            taken = match.End;
        }

        EncodeBetween(rest[taken..], allowSpecial, symbols, destination);
    }

    /// <summary>The tokenizer that the keys of a GGUF file describe.</summary>
    /// <exception cref="TokenizerException">It is of another form, or broken.</exception>
    /// <exception cref="GgufException">A key is of another type.</exception>
    internal static Tokenizer FromGguf(GgufMetadata metadata) => new(GgufVocabulary.Read(metadata, out TokenizerSettings settings), settings);

    static Tokenizer FromBytes(byte[] tokenizer, byte[]? settings, byte[]? map = null) =>
        new(TokenizerFile.Parse(tokenizer), settings is null && map is null ? new TokenizerSettings() : TokenizerFile.ParseSettings(settings, map));

    List<int> EncodeToList(string text, bool addBos, bool allowSpecial)
    {
        ArgumentNullException.ThrowIfNull(text);
        List<int> ids = [];
        if (addBos)
        {
            ids.Add(BosTokenId ?? throw new InvalidOperationException("This tokenizer has no bos token; encode with addBos off."));
        }

        Encode(text, allowSpecial, ids);
        return ids;
    }

    /// <summary>Encodes text between added tokens of the raw text: those of the normalized text, and byte pairs between them.</summary>
    void EncodeBetween(ReadOnlySpan<char> text, bool allowSpecial, SymbolList symbols, List<int> destination)
    {
        int position = 0, taken = 0;
        if (!_normalized.IsEmpty)
        {
            text = Normalize(text.ToString());
            while (_normalized.TryFind(text, ref position, taken, allowSpecial, out AddedTokenMatch match))
            {
                _encoder.Encode(text[taken..Math.Max(taken, match.Start)], symbols, destination);
                destination.Add(match.Id);
                taken = match.End;
            }
        }

        _encoder.Encode(text[taken..], symbols, destination);
    }

    string Normalize(string text) => _replacesSpaces ? text.Replace(' ', BytePairEncoder.Space) : text;

    int? RoleId(string role) => _roles.TryGetValue(role, out int id) ? id : null;

    /// <summary>Text must not be able to spell a control token through merges either.</summary>
    void CheckMerges()
    {
        HashSet<int> control = [.. _added.Values.Where(token => token.Control).Select(token => token.Id)];
        for (int rank = 0; rank < _merges.Count; rank++)
        {
            if (control.Contains(_merges.Merged(rank)))
            {
                throw new TokenizerException(
                    $"Merge {rank} of tokenizer.json makes the control token \"{IdToPiece(_merges.Merged(rank))}\" out of ordinary text; remove it from the "
                        + $"merges.");
            }
        }
    }

    static ReadOnlySpan<char> MakeWellFormed(string text)
    {
        int first = text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF');
        if (first < 0)
        {
            return text;
        }

        char[]? copy = null;
        for (int i = first; i < text.Length;)
        {
            if (Rune.DecodeFromUtf16(text.AsSpan(i), out _, out int length) != OperationStatus.Done)
            {
                (copy ??= text.ToCharArray())[i] = '\uFFFD';
            }

            i += length;
        }

        return copy ?? text.AsSpan();
    }
}

/// <summary>One token of a text.</summary>
/// <param name="Id">The token's id.</param>
/// <param name="Piece">The token as the vocabulary spells it: <c>▁</c> for a space, <c>&lt;0xNN&gt;</c> for a byte.</param>
public readonly record struct TokenPiece(int Id, string Piece);
