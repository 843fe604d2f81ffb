using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace GemmaSharp.Prompting.Tools;

/// <summary>Calls in Python's syntax, of names and literals alone: written from JSON and read back to it. Nothing is ever run.</summary>
/// <remarks>Stateless, thread-safe; what nests deeper than <see cref="DeepestNesting"/> is no call.</remarks>
static class PythonCalls
{
    /// <summary>How deeply lists and dictionaries may nest.</summary>
    public const int DeepestNesting = 64;

    static readonly JsonWriterOptions s_compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A call as a line of Python.</summary>
    public static string Write(ToolCall call)
    {
        var text = new StringBuilder(call.Name).Append('(');
        using JsonDocument arguments = JsonDocument.Parse(string.IsNullOrWhiteSpace(call.Arguments) ? "{}" : call.Arguments);
        string separator = "";
        foreach (JsonProperty argument in arguments.RootElement.EnumerateObject())
        {
            text.Append(separator).Append(argument.Name).Append('=');
            Append(text, argument.Value);
            separator = ", ";
        }

        return text.Append(')').ToString();
    }

    /// <summary>Reads calls: one, several in a list, or one on each line.</summary>
    /// <returns>Names and their arguments as JSON; null where the text is anything else.</returns>
    public static List<(string Name, string Arguments)>? Read(string text)
    {
        var reader = new Reader(text);
        return reader.Calls();
    }

    static void Append(StringBuilder text, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.True:
                text.Append("True");
                break;
            case JsonValueKind.False:
                text.Append("False");
                break;
            case JsonValueKind.Null:
                text.Append("None");
                break;
            case JsonValueKind.Array:
                text.Append('[');
                string separator = "";
                foreach (JsonElement item in value.EnumerateArray())
                {
                    text.Append(separator);
                    Append(text, item);
                    separator = ", ";
                }

                text.Append(']');
                break;
            case JsonValueKind.Object:
                text.Append('{');
                string comma = "";
                foreach (JsonProperty member in value.EnumerateObject())
                {
                    text.Append(comma);
                    AppendText(text, member.Name);
                    text.Append(": ");
                    Append(text, member.Value);
                    comma = ", ";
                }

                text.Append('}');
                break;
            case JsonValueKind.String:
                AppendText(text, value.GetString()!);
                break;
            default:
                text.Append(value.GetRawText());
                break;
        }
    }

    static void AppendText(StringBuilder text, string value)
    {
        text.Append('"');
        foreach (char c in value)
        {
            _ = c switch
            {
                '"' => text.Append("\\\""),
                '\\' => text.Append("\\\\"),
                '\n' => text.Append("\\n"),
                '\r' => text.Append("\\r"),
                '\t' => text.Append("\\t"),
                < ' ' => text.Append("\\u").Append(((int)c).ToString("x4", System.Globalization.CultureInfo.InvariantCulture)),
                _ => text.Append(c),
            };
        }

        text.Append('"');
    }

    /// <summary>Reads literals, one character after another.</summary>
    sealed class Reader(string text)
    {
        int _at;

        public List<(string, string)>? Calls()
        {
            var calls = new List<(string, string)>();
            Skip();
            bool inList = Take('[');
            Skip();
            while (_at < text.Length && !(inList && text[_at] == ']'))
            {
                if (Call() is not (string, string) call)
                {
                    return null;
                }

                calls.Add(call);
                Skip();
                if (inList && !Take(',') && !(_at < text.Length && text[_at] == ']'))
                {
                    return null;
                }

                Skip();
            }

            bool closed = !inList || Take(']');
            Skip();
            return closed && _at == text.Length && calls.Count > 0 ? calls : null;
        }

        (string, string)? Call()
        {
            string name = Name(dots: true);
            Skip();
            if (name.Length == 0 || !Take('('))
            {
                return null;
            }

            using var stream = new MemoryStream();
            using (var json = new Utf8JsonWriter(stream, s_compact))
            {
                json.WriteStartObject();
                Skip();
                while (!Take(')'))
                {
                    string argument = Name(dots: false);
                    Skip();
                    if (argument.Length == 0 || !Take('='))
                    {
                        return null;
                    }

                    json.WritePropertyName(argument);
                    if (!Value(json, 0))
                    {
                        return null;
                    }

                    Skip();
                    if (!Take(',') && !(_at < text.Length && text[_at] == ')'))
                    {
                        return null;
                    }

                    Skip();
                }

                json.WriteEndObject();
            }

            return (name, Encoding.UTF8.GetString(stream.ToArray()));
        }

        bool Value(Utf8JsonWriter json, int depth)
        {
            Skip();
            if (_at >= text.Length || depth > DeepestNesting)
            {
                return false;
            }

            switch (text[_at])
            {
                case '"' or '\'':
                    if (Text() is not string value)
                    {
                        return false;
                    }

                    json.WriteStringValue(value);
                    return true;
                case '[' or '(':
                    return List(json, depth);
                case '{':
                    return Dictionary(json, depth);
                default:
                    return Word(json);
            }
        }

        bool List(Utf8JsonWriter json, int depth)
        {
            char end = text[_at++] == '[' ? ']' : ')';
            json.WriteStartArray();
            Skip();
            while (!Take(end))
            {
                if (!Value(json, depth + 1) || !Separated(end))
                {
                    return false;
                }
            }

            json.WriteEndArray();
            return true;
        }

        bool Dictionary(Utf8JsonWriter json, int depth)
        {
            _at++;
            json.WriteStartObject();
            Skip();
            while (!Take('}'))
            {
                string? name = _at < text.Length && text[_at] is '"' or '\'' ? Text() : null;
                Skip();
                if (name is null || !Take(':'))
                {
                    return false;
                }

                json.WritePropertyName(name);
                if (!Value(json, depth + 1) || !Separated('}'))
                {
                    return false;
                }
            }

            json.WriteEndObject();
            return true;
        }

        bool Separated(char end)
        {
            Skip();
            bool separated = Take(',') || (_at < text.Length && text[_at] == end);
            Skip();
            return separated;
        }

        bool Word(Utf8JsonWriter json)
        {
            int start = _at;
            while (_at < text.Length && (char.IsAsciiLetterOrDigit(text[_at]) || text[_at] is '+' or '-' or '.'))
            {
                _at++;
            }

            string word = text[start.._at];
            switch (word)
            {
                case "True" or "true":
                    json.WriteBooleanValue(true);
                    return true;
                case "False" or "false":
                    json.WriteBooleanValue(false);
                    return true;
                case "None" or "null":
                    json.WriteNullValue();
                    return true;
                default:
                    try
                    {
                        using JsonDocument number = JsonDocument.Parse(word);
                        if (number.RootElement.ValueKind != JsonValueKind.Number)
                        {
                            return false;
                        }

                        number.RootElement.WriteTo(json);
                        return true;
                    }
                    catch (JsonException)
                    {
                        return false;
                    }
            }
        }

        string? Text()
        {
            char quote = text[_at++];
            var value = new StringBuilder();
            while (_at < text.Length && text[_at] != quote)
            {
                char c = text[_at++];
                if (c != '\\')
                {
                    value.Append(c);
                    continue;
                }

                if (_at >= text.Length)
                {
                    return null;
                }

                c = text[_at++];
                switch (c)
                {
                    case 'n':
                        value.Append('\n');
                        break;
                    case 'r':
                        value.Append('\r');
                        break;
                    case 't':
                        value.Append('\t');
                        break;
                    case 'b':
                        value.Append('\b');
                        break;
                    case 'f':
                        value.Append('\f');
                        break;
                    case 'u' or 'x':
                        int digits = c == 'u' ? 4 : 2;
                        if (_at + digits > text.Length || !int.TryParse(text.AsSpan(_at, digits), System.Globalization.NumberStyles.AllowHexSpecifier,
                            System.Globalization.CultureInfo.InvariantCulture, out int code))
                        {
                            return null;
                        }

                        value.Append((char)code);
                        _at += digits;
                        break;
                    default:
                        value.Append(c);
                        break;
                }
            }

            // Halves of surrogate pairs, which no JSON writer takes.
            return Take(quote) ? Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(value.ToString())) : null;
        }

        string Name(bool dots)
        {
            int start = _at;
            while (_at < text.Length && (char.IsLetterOrDigit(text[_at]) || text[_at] == '_' || (dots && text[_at] is '.' or '-')))
            {
                _at++;
            }

            return text[start.._at];
        }

        void Skip()
        {
            while (_at < text.Length && char.IsWhiteSpace(text[_at]))
            {
                _at++;
            }
        }

        bool Take(char c)
        {
            bool there = _at < text.Length && text[_at] == c;
            _at += there ? 1 : 0;
            return there;
        }
    }
}
