using System.Buffers;
using System.Text.Json;

namespace GemmaSharp.Extensions.AI;

/// <summary>Log-probabilities in the form of the servers: a list of <c>{token, logprob, bytes, top_logprobs}</c>. JSON, so that caches can keep it.</summary>
sealed class LogprobWriter(Tokenizer tokenizer)
{
    // What the servers write for minus infinity, which JSON has no number for.
    const float Least = -9999f;

    readonly List<GeneratedToken> _tokens = [];
    int _taken;

    /// <summary>Notes a token, where it has a log-probability.</summary>
    public void Add(GeneratedToken token)
    {
        if (token.Logprob is not null)
        {
            _tokens.Add(token);
        }
    }

    /// <summary>The tokens noted since the last time; null for none.</summary>
    public JsonElement? Take()
    {
        JsonElement? json = Write(_taken);
        _taken = _tokens.Count;
        return json;
    }

    /// <summary>All tokens noted; null for none.</summary>
    public JsonElement? All() => Write(0);

    JsonElement? Write(int start)
    {
        if (start == _tokens.Count)
        {
            return null;
        }

        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartArray();
            foreach (GeneratedToken token in _tokens.Skip(start))
            {
                json.WriteStartObject();
                WriteToken(json, token.Id, token.Logprob!.Value);
                json.WriteStartArray("top_logprobs");
                foreach (TokenLogprob other in token.TopLogprobs ?? [])
                {
                    json.WriteStartObject();
                    WriteToken(json, other.Id, other.Logprob);
                    json.WriteEndObject();
                }

                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        using JsonDocument document = JsonDocument.Parse(buffer.WrittenMemory);
        return document.RootElement.Clone();
    }

    void WriteToken(Utf8JsonWriter json, int id, float logprob)
    {
        (string text, byte[] bytes) = tokenizer.Spell(id);
        json.WriteString("token", text);
        json.WriteNumber("logprob", float.IsFinite(logprob) ? logprob : Least);
        json.WriteStartArray("bytes");
        foreach (byte each in bytes)
        {
            json.WriteNumberValue(each);
        }

        json.WriteEndArray();
    }
}
