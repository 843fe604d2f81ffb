using System.Text.Json;

namespace GemmaSharp.Files;

/// <summary>
/// Finds texts and names of JSON that are no characters: an escape may be one half of a pair, and the reader notices only when somebody takes the text.
/// </summary>
static class JsonHalves
{
    /// <summary>Where the first such text begins, in bytes; null where all are whole.</summary>
    /// <param name="json">Sound JSON in sound UTF-8.</param>
    /// <param name="options">As it was read.</param>
    public static long? Find(ReadOnlySpan<byte> json, JsonReaderOptions options)
    {
        // Most files have no escape that could be half of a pair.
        if (json.IndexOf("\\ud"u8) < 0 && json.IndexOf("\\uD"u8) < 0)
        {
            return null;
        }

        var reader = new Utf8JsonReader(json, options);
        try
        {
            while (reader.Read())
            {
                if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName && reader.ValueIsEscaped)
                {
                    _ = reader.GetString();
                }
            }
        }
        catch (InvalidOperationException)
        {
            return reader.TokenStartIndex;
        }

        return null;
    }
}
