using System.Text.Json;

namespace GemmaSharp.Checkpoints;

/// <summary>Walks the JSON of a stream token by token with one small buffer.</summary>
ref struct JsonTokens
{
    const int LongestToken = 1 << 20;

    readonly Stream _stream;
    long _remaining;
    byte[] _buffer = new byte[64 << 10];
    int _filled;
    Utf8JsonReader _reader;

    public JsonTokens(Stream stream, long length)
    {
        _stream = stream;
        _remaining = length;
        _reader = new Utf8JsonReader([], isFinalBlock: false, default);
    }

    public readonly JsonTokenType Current => _reader.TokenType;

    /// <summary>The next token, or <see cref="JsonTokenType.None"/> after the last.</summary>
    public JsonTokenType Next()
    {
        while (!_reader.Read())
        {
            if (_reader.IsFinalBlock)
            {
                return JsonTokenType.None;
            }

            Refill();
        }

        return _reader.TokenType;
    }

    public void Expect(JsonTokenType type)
    {
        if (Next() != type)
        {
            throw new JsonException($"a {type} was expected, a {_reader.TokenType} found");
        }
    }

    /// <summary>Only blanks may follow the root object.</summary>
    public void ExpectEnd()
    {
        if (_reader.TokenType != JsonTokenType.EndObject || Next() != JsonTokenType.None)
        {
            throw new JsonException("more JSON follows the root object");
        }
    }

    public readonly string Text() => _reader.GetString() ?? "";

    public readonly bool TryInteger(out long value) => _reader.TryGetInt64(out value);

    /// <summary>Passes over the value that follows, whatever it is.</summary>
    public void SkipValue()
    {
        int depth = 0;
        do
        {
            depth += Next() switch
            {
                JsonTokenType.StartArray or JsonTokenType.StartObject => 1,
                JsonTokenType.EndArray or JsonTokenType.EndObject => -1,
                JsonTokenType.None => throw new JsonException("the header ends early"),
                _ => 0,
            };
        }
        while (depth > 0);
    }

    void Refill()
    {
        int consumed = (int)_reader.BytesConsumed;
        int kept = _filled - consumed;
        if (kept == _buffer.Length)
        {
            if (_buffer.Length >= LongestToken)
            {
                throw new JsonException($"a single string or number has more than {LongestToken} bytes");
            }

            Array.Resize(ref _buffer, _buffer.Length * 2);
        }

        Buffer.BlockCopy(_buffer, consumed, _buffer, 0, kept);
        int wanted = (int)Math.Min(_buffer.Length - kept, _remaining);
        _stream.ReadExactly(_buffer, kept, wanted);
        _remaining -= wanted;
        _filled = kept + wanted;
        _reader = new Utf8JsonReader(_buffer.AsSpan(0, _filled), _remaining == 0, _reader.CurrentState);
    }
}
