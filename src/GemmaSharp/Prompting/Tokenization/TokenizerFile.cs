using System.Text.Json;
using System.Text.Unicode;
using GemmaSharp.Files;

namespace GemmaSharp.Prompting.Tokenization;

/// <summary>Reads <c>tokenizer.json</c> and <c>tokenizer_config.json</c>.</summary>
internal static class TokenizerFile
{
    const string Name = "tokenizer.json";
    const int LengthLimit = 1 << 29;

    /// <summary>Reads a file, or nothing where it does not exist.</summary>
    /// <exception cref="TokenizerException">The file cannot be read or is too long.</exception>
    public static byte[]? ReadIfPresent(string path)
    {
        try
        {
            string name = Path.GetFileName(path);
            byte[] bytes = BoundedFile.ReadRegular(path, LengthLimit) ?? throw TooLong(name);
            return bytes.Length > 0 ? bytes : throw new TokenizerException($"{name} has 0 bytes; fetch the file again.");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TokenizerException(Directory.Exists(path) ? $"{path} is a folder; a file is needed, download it again."
                : $"{path} cannot be read ({e.Message.TrimEnd('.')}); make it readable.", e);
        }
    }

    /// <summary>Reads a stream to its end.</summary>
    /// <exception cref="TokenizerException">The stream is too long.</exception>
    public static byte[] ReadAll(Stream stream, string name) => BoundedFile.ReadAll(stream, LengthLimit) ?? throw TooLong(name);

    /// <summary>Reads and checks <c>tokenizer.json</c>.</summary>
    /// <exception cref="TokenizerException">It is not JSON, or not a tokenizer of the accepted form.</exception>
    public static TokenizerModel Parse(ReadOnlySpan<byte> json) => Guard(json, Name, static json =>
    {
        Utf8JsonReader reader = new(json);
        Dictionary<string, JsonElement> parts = [];
        BpeSection? model = null;
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new TokenizerException($"{Name} holds {Describe(reader.TokenType)}; a tokenizer is an object.");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            reader.Read();
            if (name == "model")
            {
                model = model is null ? new BpeSection(ref reader)
                    : throw new TokenizerException($"{Name} has two entries \"model\"; remove one.");
            }
            else
            {
                parts[name] = JsonElement.ParseValue(ref reader);
            }
        }

        while (reader.Read())
        {
            // What follows the object is checked to be nothing.
        }

        if (model is null)
        {
            throw new TokenizerException($"{Name} has no entry \"model\"; fetch the file again.");
        }

        List<AddedToken> added = AddedTokens(parts.GetValueOrDefault("added_tokens"), model.Vocabulary);
        bool replacesSpaces = PipelineForms.ReplacesSpaces(parts.GetValueOrDefault("normalizer"));
        PipelineForms.CheckPreTokenizer(parts.GetValueOrDefault("pre_tokenizer"), replacesSpaces);
        PipelineForms.CheckDecoder(parts.GetValueOrDefault("decoder"));
        bool prependsBos = PipelineForms.PrependsToken(parts.GetValueOrDefault("post_processor"));
        return model.ToModel(added, replacesSpaces, prependsBos);
    });

    /// <summary>Reads the token names of <c>tokenizer_config.json</c> and whether text begins with <c>bos</c>.</summary>
    /// <exception cref="TokenizerException">It is not JSON, or names a token by something else than a string.</exception>
    /// <param name="json">The file; null where there is none.</param>
    /// <param name="map"><c>special_tokens_map.json</c>, which older programs write beside it, for roles that it does not name; null for none.</param>
    public static TokenizerSettings ParseSettings(byte[]? json, byte[]? map = null) => TokenizerSettings.From(
        Root(json, "tokenizer_config.json"), map is null ? null : Root(map, "special_tokens_map.json"));

    static JsonElement Root(byte[]? json, string name) => Guard(json ?? "{}"u8, name, static json =>
    {
        Utf8JsonReader reader = new(json);
        using JsonDocument document = JsonDocument.ParseValue(ref reader);
        return document.RootElement.Clone();
    });

    /// <summary>How messages call a JSON value.</summary>
    public static string Describe(JsonTokenType type) => type switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "a list",
        JsonTokenType.String => "a string",
        JsonTokenType.Number => "a number",
        JsonTokenType.True => "true",
        JsonTokenType.False => "false",
        JsonTokenType.Null => "null",
        _ => "nothing",
    };

    static List<AddedToken> AddedTokens(JsonElement list, Vocabulary vocabulary)
    {
        List<AddedToken> tokens = [];
        if (list.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null)
        {
            return tokens;
        }

        if (list.ValueKind != JsonValueKind.Array)
        {
            throw new TokenizerException($"added_tokens of {Name} is {list.ValueKind}; it must be a list.");
        }

        HashSet<string> contents = [];
        foreach (JsonElement item in list.EnumerateArray())
        {
            AddedToken token = AddedTokenOf(item, tokens.Count);
            byte[] utf8 = System.Text.Encoding.UTF8.GetBytes(token.Content);
            bool known = vocabulary.TryGetId(utf8, out int id);
            if (!contents.Add(token.Content) || (known ? id != token.Id : !vocabulary.TryAddOutsideModel(utf8, token.Id)))
            {
                throw new TokenizerException(
                    $"Added token {tokens.Count} of {Name}, \"{token.Content}\" with id {token.Id}, contradicts an entry before it; ids and contents must be "
                        + $"unique.");
            }

            tokens.Add(token);
        }

        return tokens;
    }

    static AddedToken AddedTokenOf(JsonElement item, int index)
    {
        if (item.ValueKind != JsonValueKind.Object
            || !item.TryGetProperty("content", out JsonElement content) || content.ValueKind != JsonValueKind.String
            || !item.TryGetProperty("id", out JsonElement number) || number.ValueKind != JsonValueKind.Number
            || !number.TryGetInt32(out int id) || id is < 0 or >= Vocabulary.IdLimit
            || content.GetString() is not { Length: > 0 and <= AddedTokenMatcher.LengthLimit } text)
        {
            throw new TokenizerException(
                $"Added token {index} of {Name} needs a content of 1 to {AddedTokenMatcher.LengthLimit} characters and an id from 0 to "
                    + $"{Vocabulary.IdLimit - 1}.");
        }

        bool special = Flag("special", false);
        return new AddedToken(
            id, text, special, Flag("normalized", !special), Flag("lstrip", false), Flag("rstrip", false), Flag("single_word", false));

        bool Flag(string name, bool otherwise) => !item.TryGetProperty(name, out JsonElement value) ? otherwise
            : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean()
            : throw new TokenizerException($"{name} of added token {index} of {Name} is {value.ValueKind}; it must be true or false.");
    }

    static TokenizerException TooLong(string name) => new(
        FormattableString.Invariant($"{name} is longer than {LengthLimit:N0} bytes; a Gemma 3n tokenizer has about 33 million."));

    delegate T Parser<T>(ReadOnlySpan<byte> json);

    static T Guard<T>(ReadOnlySpan<byte> json, string name, Parser<T> parse)
    {
        if (json.StartsWith((ReadOnlySpan<byte>)[0xEF, 0xBB, 0xBF]))
        {
            json = json[3..];
        }

        if (!Utf8.IsValid(json))
        {
            throw new TokenizerException($"{name} is not UTF-8; fetch the file again.");
        }

        try
        {
            return parse(json);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new TokenizerException($"{name} is not valid JSON ({e.Message.TrimEnd('.')}); fetch the file again.", e);
        }
    }
}
