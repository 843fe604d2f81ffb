using System.Text;
using System.Text.Json;

namespace GemmaSharp.Prompting.Tokenization;

/// <summary>The entry <c>model</c> of <c>tokenizer.json</c>: vocabulary, merges and switches of byte-pair encoding.</summary>
/// <remarks>
/// 262,144 pieces and 514,906 merges are read in one pass without a string each; merges that stand before the vocabulary are
/// passed over and read afterwards.
/// </remarks>
internal sealed class BpeSection
{
    readonly MergeTable _merges = new();
    readonly Dictionary<string, JsonElement> _switches = [];
    readonly SpaceJoins _spaces = new();
    byte[] _scratch = new byte[256];

    /// <summary>Reads the section.</summary>
    /// <param name="reader">Stands on the section's value; afterwards on its last token.</param>
    /// <exception cref="TokenizerException">The section is not of the accepted form.</exception>
    /// <exception cref="JsonException">The file is not valid JSON.</exception>
    public BpeSection(ref Utf8JsonReader reader)
    {
        Expect(reader, JsonTokenType.StartObject, "model");
        Utf8JsonReader delayed = default;
        bool hasVocabulary = false, hasMerges = false, isDelayed = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            reader.Read();
            switch (name)
            {
                case "vocab" when !hasVocabulary:
                    ReadVocabulary(ref reader);
                    hasVocabulary = true;
                    break;
                case "merges" when !hasMerges:
                    hasMerges = true;
                    isDelayed = !hasVocabulary;
                    delayed = reader;
                    if (isDelayed)
                    {
                        reader.Skip();
                    }
                    else
                    {
                        ReadMerges(ref reader);
                    }

                    break;
                case "vocab" or "merges":
                    throw new TokenizerException($"model.{name} stands twice in tokenizer.json; remove one.");
                default:
                    _switches[name] = JsonElement.ParseValue(ref reader);
                    CheckType();
                    break;
            }
        }

        if (isDelayed && hasVocabulary)
        {
            ReadMerges(ref delayed);
        }

        if (!hasVocabulary || !hasMerges)
        {
            throw new TokenizerException("model of tokenizer.json needs both vocab and merges; fetch the file again.");
        }
    }

    /// <summary>The pieces.</summary>
    public Vocabulary Vocabulary { get; } = new();

    /// <summary>Puts the section and the rest of the file together.</summary>
    public TokenizerModel ToModel(List<AddedToken> added, bool replacesSpaces, bool prependsBos)
    {
        Reject("dropout", value => value.ValueKind == JsonValueKind.Number && value.GetDouble() == 0);
        Reject("continuing_subword_prefix", IsEmptyString);
        Reject("end_of_word_suffix", IsEmptyString);
        Reject("ignore_merges", value => value.ValueKind == JsonValueKind.False);

        int? unknown = null;
        if (_switches.TryGetValue("unk_token", out JsonElement token) && token.ValueKind != JsonValueKind.Null)
        {
            unknown = token.ValueKind == JsonValueKind.String && Vocabulary.TryGetId(token.GetString(), out int id) ? id
                : throw new TokenizerException(
                    $"model.unk_token of tokenizer.json is {token.GetRawText()}, which is not in the vocabulary; name one of its pieces or null.");
            _spaces.AnyLong |= token.GetString() is [char single] && _spaces.Contains(single);
        }

        return new TokenizerModel(
            Vocabulary, _merges, _spaces.Characters, added, unknown, Flag("fuse_unk"), Flag("byte_fallback"), replacesSpaces, prependsBos);
    }

    static bool IsEmptyString(JsonElement value) => value.ValueKind == JsonValueKind.String && value.GetString()!.Length == 0;

    void CheckType()
    {
        if (_switches.TryGetValue("type", out JsonElement type) && !(type.ValueKind == JsonValueKind.String && type.ValueEquals("BPE")))
        {
            throw new TokenizerException(
                $"model.type of tokenizer.json is {type.GetRawText()}; GemmaSharp reads \"BPE\", the model of every Gemma 3n checkpoint.");
        }
    }

    void Reject(string name, Func<JsonElement, bool> isOff)
    {
        if (_switches.TryGetValue(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null && !isOff(value))
        {
            throw new TokenizerException($"model.{name} of tokenizer.json is {value.GetRawText()}; GemmaSharp reads files without it, as Gemma 3n's are.");
        }
    }

    bool Flag(string name) => _switches.TryGetValue(name, out JsonElement value) && value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False or JsonValueKind.Null => false,
        _ => throw new TokenizerException($"model.{name} of tokenizer.json is {value.GetRawText()}; it must be true or false."),
    };

    void ReadVocabulary(ref Utf8JsonReader reader)
    {
        Expect(reader, JsonTokenType.StartObject, "model.vocab");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            int length = Unescape(reader, 0);
            ReadOnlySpan<byte> piece = _scratch.AsSpan(0, length);
            reader.Read();
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out int id) || id is < 0 or >= Vocabulary.IdLimit)
            {
                throw new TokenizerException(
                    $"The id of \"{Encoding.UTF8.GetString(piece)}\" in model.vocab of tokenizer.json is not an integer from 0 to {Vocabulary.IdLimit - 1}.");
            }

            if (!Vocabulary.TryAdd(piece, id))
            {
                throw new TokenizerException(
                    $"\"{Encoding.UTF8.GetString(piece)}\" with id {id} in model.vocab of tokenizer.json repeats a piece or an id; both must be unique.");
            }
        }
    }

    void ReadMerges(ref Utf8JsonReader reader)
    {
        Expect(reader, JsonTokenType.StartArray, "model.merges");
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            int left, length;
            if (reader.TokenType == JsonTokenType.StartArray)
            {
                left = NextString(ref reader, 0);
                length = left + NextString(ref reader, left);
                if (!reader.Read() || reader.TokenType != JsonTokenType.EndArray)
                {
                    throw MergeForm();
                }
            }
            else
            {
                length = reader.TokenType == JsonTokenType.String ? Unescape(reader, 0) : throw MergeForm();
                Span<byte> both = _scratch.AsSpan(0, length);
                left = both.IndexOf((byte)' ');
                if (left < 0 || both.LastIndexOf((byte)' ') != left)
                {
                    throw MergeForm();
                }

                both[(left + 1)..].CopyTo(both[left..]);
                length--;
            }

            AddMerge(_scratch.AsSpan(0, length), left);
        }
    }

    void AddMerge(ReadOnlySpan<byte> joined, int length)
    {
        ReadOnlySpan<byte> left = joined[..length], right = joined[length..];
        if (!Vocabulary.TryGetId(left, out int leftId) || !Vocabulary.TryGetId(right, out int rightId)
            || !Vocabulary.TryGetId(joined, out int joinedId))
        {
            throw new TokenizerException(
                $"Merge {_merges.Count} of tokenizer.json joins \"{Encoding.UTF8.GetString(left)}\" and \"{Encoding.UTF8.GetString(right)}\", which are not "
                    + $"both in the vocabulary with what they make; the file is incomplete, fetch it again.");
        }

        _merges.Add(leftId, rightId, joinedId);
        _spaces.Add(left, right);
    }

    TokenizerException MergeForm() =>
        new($"Merge {_merges.Count} of tokenizer.json is not two pieces; write \"left right\" or [\"left\", \"right\"].");

    int NextString(ref Utf8JsonReader reader, int at) =>
        reader.Read() && reader.TokenType == JsonTokenType.String ? Unescape(reader, at) : throw MergeForm();

    /// <summary>Writes the string or property name the reader stands on into the scratch array and returns its length in bytes.</summary>
    int Unescape(in Utf8JsonReader reader, int at)
    {
        int needed = at + reader.ValueSpan.Length;
        if (_scratch.Length < needed)
        {
            Array.Resize(ref _scratch, 2 * needed);
        }

        if (reader.ValueIsEscaped)
        {
            return reader.CopyString(_scratch.AsSpan(at));
        }

        reader.ValueSpan.CopyTo(_scratch.AsSpan(at));
        return reader.ValueSpan.Length;
    }

    static void Expect(in Utf8JsonReader reader, JsonTokenType type, string name)
    {
        if (reader.TokenType != type)
        {
            throw new TokenizerException($"{name} of tokenizer.json is {TokenizerFile.Describe(reader.TokenType)}; it must be {TokenizerFile.Describe(type)}.");
        }
    }
}
