using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using GemmaSharp.Generation.Constraints;
using GemmaSharp.Prompting.Tools;

namespace GemmaSharp.Generation.Tools;

/// <summary>
/// Finds calls of tools in an answer while it is drawn: holds its text back while that may be a call, and keeps to the form of a call once it is one.
/// </summary>
/// <remarks>
/// Where a call must come, every token keeps to it. Where the model decides, tokens are drawn freely as long as the answer may be the beginning of a call, and
/// it becomes one with the name of a tool in its place; from there on it is kept to that tool's parameters. What can no longer be a call is given to the reader
/// as text. Not thread-safe.
/// </remarks>
sealed class ToolDecoding
{
    const string IdCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    readonly ToolOptions _options;
    readonly TokenTrie _trie;
    readonly StringBuilder _held = new();
    readonly List<byte> _bytes = [];
    readonly Matcher _calls;
    readonly Matcher? _answer;
    bool _mayCall = true;
    bool _isCall;

    /// <summary>At the beginning of an answer.</summary>
    /// <param name="options">The tools, at least one.</param>
    /// <param name="answer">What an answer without calls has to be; null for anything.</param>
    /// <param name="trie">Whose tokens are drawn.</param>
    public ToolDecoding(ToolOptions options, Constraint? answer, TokenTrie trie)
    {
        _options = options;
        _trie = trie;
        ToolGrammars grammars = ToolGrammars.Of(options);
        bool mustKeep = options.Choice.IsRequired || answer is not null;
        _calls = new Matcher(mustKeep ? grammars.Strict : grammars.Loose, trie);
        _isCall = options.Choice.IsRequired;
        _answer = answer is null || options.Choice.IsRequired ? null : new Matcher(ToolGrammars.OrAnswer(options, answer), trie);
    }

    /// <summary>What the next token must satisfy; null for nothing.</summary>
    public Matcher? Matcher => _answer ?? (_isCall && _mayCall ? _calls : null);

    /// <summary>Takes a token.</summary>
    /// <param name="id">The token.</param>
    /// <param name="text">The text that it completes.</param>
    /// <returns>The text for the reader.</returns>
    public string Push(int id, string text)
    {
        _answer?.TryAdvance(id);
        if (!_mayCall)
        {
            return text;
        }

        _held.Append(text);
        _bytes.AddRange(_trie.Bytes(id));
        if (!_calls.TryAdvance(id))
        {
            _mayCall = false;
            return Release();
        }

        _isCall = _isCall || IsCertain();
        return "";
    }

    /// <summary>The end of the answer.</summary>
    /// <param name="text">The text that was held back and is no call.</param>
    /// <returns>The calls that the answer is; null where it is text, or a call that was cut off.</returns>
    public IReadOnlyList<ToolCall>? Finish(out string text)
    {
        text = "";
        if (_mayCall && _bytes.Count > 0 && _calls.CanEnd && Parse(Encoding.UTF8.GetString([.. _bytes])) is IReadOnlyList<ToolCall> calls)
        {
            return calls;
        }

        text = Release();
        return null;
    }

    string Release()
    {
        string text = _held.ToString();
        _held.Clear();
        return text;
    }

    /// <summary>Whether the name of a tool stands where only a call has one.</summary>
    bool IsCertain()
    {
        if (_options.Format == ToolFormat.Json)
        {
            string text = Encoding.UTF8.GetString([.. _bytes]);
            return _options.Tools.Any(tool => text.Contains($"\"{tool.Name}\"", StringComparison.Ordinal));
        }

        return _bytes.Contains((byte)'(');
    }

    List<ToolCall>? Parse(string text)
    {
        text = Unfenced(text);
        List<(string Name, string Arguments)>? read = _options.Format == ToolFormat.Json ? ReadJson(text) : PythonCalls.Read(text);
        return read is null || read.Count == 0 || read.Exists(call => !_options.Tools.Any(tool => tool.Name == call.Name))
            ? null
            : [.. read.Select(call => new ToolCall("call_" + RandomNumberGenerator.GetString(IdCharacters, 24), call.Name, call.Arguments))];
    }

    static string Unfenced(string text)
    {
        text = text.Trim();
        if (!text.StartsWith("```", StringComparison.Ordinal))
        {
            return text;
        }

        int line = text.IndexOf('\n', StringComparison.Ordinal);
        int end = text.LastIndexOf("```", StringComparison.Ordinal);
        return line > 0 && end > line ? text[(line + 1)..end].Trim() : text;
    }

    static List<(string, string)>? ReadJson(string text)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 512 });
            JsonElement root = document.RootElement;
            var calls = new List<(string, string)>();
            foreach (JsonElement call in root.ValueKind == JsonValueKind.Array ? root.EnumerateArray().ToArray() : [root])
            {
                if (call.ValueKind != JsonValueKind.Object || !call.TryGetProperty("name", out JsonElement name) || name.ValueKind != JsonValueKind.String
                    || (!call.TryGetProperty("parameters", out JsonElement arguments) && !call.TryGetProperty("arguments", out arguments))
                    || arguments.ValueKind != JsonValueKind.Object)
                {
                    return null;
                }

                calls.Add((name.GetString()!, arguments.GetRawText()));
            }

            return calls;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
