using System.Text;

namespace GemmaSharp.Cli.Output;

/// <summary>Shows an answer as it comes.</summary>
/// <remarks>On a terminal, control characters are shown as what they are: a model must not move the cursor or retitle the window.</remarks>
sealed class AnswerWriter(CliConsole console)
{
    readonly StringBuilder _text = new();

    /// <summary>The answer so far.</summary>
    public string Text => _text.ToString();

    /// <summary>Appends a piece and shows it at once.</summary>
    public void Write(string piece)
    {
        if (piece.Length > 0)
        {
            _text.Append(piece);
            console.Out.Write(console.OutputIsTerminal ? Visible(piece) : piece);
            console.Out.Flush();
        }
    }

    /// <summary>Ends the answer with a line break, unless it ends with one.</summary>
    public void End()
    {
        if (_text.Length == 0 || _text[^1] != '\n')
        {
            console.Out.WriteLine();
        }

        console.Out.Flush();
    }

    /// <summary>The text with control characters, line breaks and tabs excepted, as pictures of themselves.</summary>
    internal static string Visible(string text) =>
        !text.AsSpan().ContainsAnyInRange('\0', '\u001F') && !text.AsSpan().ContainsAnyInRange('\u007F', '\u009F')
            ? text
            : string.Create(text.Length, text, static (span, source) =>
            {
                for (int i = 0; i < span.Length; i++)
                {
                    char c = source[i];
                    span[i] = c is '\n' or '\t' || !char.IsControl(c) ? c : c < ' ' ? (char)('\u2400' + c) : '\uFFFD';
                }
            });
}
