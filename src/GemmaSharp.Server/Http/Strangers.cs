namespace GemmaSharp.Server.Http;

/// <summary>Texts of strangers, for a sentence or a log line: short, and of characters that a terminal only shows.</summary>
static class Strangers
{
    /// <summary>Characters of a text that are told.</summary>
    const int Most = 100;

    /// <summary>The text's beginning; "(none)" for nothing.</summary>
    public static string Shown(string? text) => string.IsNullOrEmpty(text) ? "(none)"
        : string.Concat(text.Take(Most).Select(c => char.IsControl(c) || char.IsSurrogate(c) ? '?' : c)) + (text.Length > Most ? "…" : "");
}
