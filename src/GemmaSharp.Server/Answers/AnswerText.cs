using System.Text;

namespace GemmaSharp.Server.Answers;

/// <summary>An answer put together from its tokens.</summary>
sealed class AnswerText
{
    readonly StringBuilder _text = new();

    /// <summary>What was said.</summary>
    public string Text => _text.ToString();

    /// <summary>The calls it consists of; null for none.</summary>
    public IReadOnlyList<ToolCall>? ToolCalls { get; private set; }

    /// <summary>Why it ended; null while it has not.</summary>
    public StopReason? StopReason { get; private set; }

    /// <summary>Its tokens.</summary>
    public List<GeneratedToken> Tokens { get; } = [];

    /// <summary>Adds a token.</summary>
    public void Add(in GeneratedToken token)
    {
        _text.Append(token.Text);
        Tokens.Add(token);
        ToolCalls = token.ToolCalls ?? ToolCalls;
        StopReason = token.StopReason ?? StopReason;
    }
}
