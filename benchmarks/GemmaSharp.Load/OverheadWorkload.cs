using System.Globalization;
using System.Text;
using System.Text.Json;

namespace GemmaSharp.Load;

/// <summary>What is asked of the library and of the server alike where they are compared.</summary>
static class OverheadWorkload
{
    /// <summary>Answers side by side.</summary>
    public const int Streams = 64;

    /// <summary>Tokens of each.</summary>
    public const int Tokens = 200;

    static readonly string s_long = string.Concat(Enumerable.Repeat("The cat sat on the mat and looked at the moon. ", 80));

    /// <summary>A question whose answer is as long as wanted.</summary>
    public static GenerationRequest Stream(int index) => new()
    {
        Messages = [ChatMessage.User(Question(index))],
        Options = new GenerationOptions { Temperature = 1, TopK = 64, TopP = 0.95f, Seed = (ulong)index, MaxTokens = Tokens, IgnoreEos = true },
    };

    /// <summary>The same in a chat completion's form.</summary>
    public static byte[] StreamRequest(int index, string host) => Post(host, string.Create(
        CultureInfo.InvariantCulture,
        $$"""{"messages":[{"role":"user","content":{{JsonSerializer.Serialize(Question(index))}}}],"temperature":1,"top_k":64,"top_p":0.95,"seed":{{index}},"max_tokens":{{Tokens}},"ignore_eos":true,"stream":true}"""));

    /// <summary>A long prompt whose beginning is known, and a token of an answer.</summary>
    public static GenerationRequest First() => new()
    {
        Messages = [ChatMessage.User(s_long)],
        Options = new GenerationOptions { Temperature = 0, MaxTokens = 1 },
    };

    /// <summary>The same in a chat completion's form.</summary>
    public static byte[] FirstRequest(string host) => Post(
        host, $$"""{"messages":[{"role":"user","content":{{JsonSerializer.Serialize(s_long)}}}],"temperature":0,"max_tokens":1,"stream":true}""");

    static string Question(int index) => string.Create(CultureInfo.InvariantCulture, $"Tell me story number {index}.");

    static byte[] Post(string host, string body) => Encoding.UTF8.GetBytes(
        $"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}");
}
