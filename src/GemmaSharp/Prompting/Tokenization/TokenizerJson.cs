using System.Text.Encodings.Web;
using System.Text.Json;

namespace GemmaSharp.Prompting.Tokenization;

/// <summary>Writes a tokenizer as <c>tokenizer.json</c>, for checkpoints that did not come with one.</summary>
static class TokenizerJson
{
    /// <summary>Writes it.</summary>
    /// <param name="stream">Where to.</param>
    /// <param name="tokenizer">The tokenizer.</param>
    public static void Write(Stream stream, Tokenizer tokenizer)
    {
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, Indented = true });
        json.WriteStartObject();
        json.WriteString("version", "1.0");
        json.WriteNull("truncation");
        json.WriteNull("padding");
        json.WriteStartArray("added_tokens");
        foreach (AddedToken token in tokenizer.AddedTokens.OrderBy(token => token.Id))
        {
            json.WriteStartObject();
            json.WriteNumber("id", token.Id);
            json.WriteString("content", token.Content);
            json.WriteBoolean("single_word", token.SingleWord);
            json.WriteBoolean("lstrip", token.StripLeft);
            json.WriteBoolean("rstrip", token.StripRight);
            json.WriteBoolean("normalized", token.Normalized);
            json.WriteBoolean("special", token.Special);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WritePropertyName("normalizer");
        json.WriteRawValue("""{"type":"Replace","pattern":{"String":" "},"content":"▁"}""");
        json.WritePropertyName("pre_tokenizer");
        json.WriteRawValue("""{"type":"Split","pattern":{"String":" "},"behavior":"MergedWithPrevious","invert":false}""");
        WritePostProcessor(json, tokenizer);
        json.WritePropertyName("decoder");
        json.WriteRawValue(
            """{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"}]}""");
        WriteModel(json, tokenizer);
        json.WriteEndObject();
    }

    static void WritePostProcessor(Utf8JsonWriter json, Tokenizer tokenizer)
    {
        if (!tokenizer.AddsBos || tokenizer.BosTokenId is not int bos)
        {
            json.WriteNull("post_processor");
            return;
        }

        string piece = JsonEncodedText.Encode(tokenizer.IdToPiece(bos)!, JavaScriptEncoder.UnsafeRelaxedJsonEscaping).ToString();
        json.WritePropertyName("post_processor");
        json.WriteRawValue($$$$"""
            {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"{{{{piece}}}}","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],
             "pair":[{"SpecialToken":{"id":"{{{{piece}}}}","type_id":0}},{"Sequence":{"id":"A","type_id":0}},
                     {"SpecialToken":{"id":"{{{{piece}}}}","type_id":1}},{"Sequence":{"id":"B","type_id":1}}],
             "special_tokens":{"{{{{piece}}}}":{"id":"{{{{piece}}}}","ids":[{{{{bos}}}}],"tokens":["{{{{piece}}}}"]}}}
            """);
    }

    static void WriteModel(Utf8JsonWriter json, Tokenizer tokenizer)
    {
        json.WriteStartObject("model");
        json.WriteString("type", "BPE");
        json.WriteNull("dropout");
        json.WriteString("unk_token", tokenizer.UnkTokenId is int unknown ? tokenizer.IdToPiece(unknown) : null);
        json.WriteNull("continuing_subword_prefix");
        json.WriteNull("end_of_word_suffix");
        json.WriteBoolean("fuse_unk", true);
        json.WriteBoolean("byte_fallback", true);
        json.WriteBoolean("ignore_merges", false);
        json.WriteStartObject("vocab");
        for (int id = 0; id < tokenizer.VocabularySize; id++)
        {
            if (!tokenizer.Utf8Piece(id).IsEmpty && tokenizer.KindOf(id) is PieceKind.Normal or PieceKind.Byte or PieceKind.Unknown)
            {
                json.WriteNumber(tokenizer.Utf8Piece(id), id);
            }
        }

        json.WriteEndObject();
        json.WriteStartArray("merges");
        foreach ((int left, int right, int _) in tokenizer.Merges)
        {
            json.WriteStartArray();
            json.WriteStringValue(tokenizer.Utf8Piece(left));
            json.WriteStringValue(tokenizer.Utf8Piece(right));
            json.WriteEndArray();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
