namespace GemmaSharp.Cli.Chat;

/// <summary>A line typed in a chat: a message, or a command such as <c>/image cat.jpg</c>.</summary>
/// <param name="Command">The command without its slash, in lower case; null for a message.</param>
/// <param name="Text">The message, or what follows the command.</param>
readonly record struct ChatLine(string? Command, string Text)
{
    /// <summary>Reads a line. Two slashes at its beginning are a message that begins with one.</summary>
    public static ChatLine Parse(string line)
    {
        string text = line.Trim();
        if (!text.StartsWith('/'))
        {
            return new ChatLine(null, text);
        }

        if (text.StartsWith("//", StringComparison.Ordinal))
        {
            return new ChatLine(null, text[1..]);
        }

        int end = text.AsSpan().IndexOfAny(' ', '\t');
        return end < 0
            ? new ChatLine(text[1..].ToLowerInvariant(), "")
            : new ChatLine(text[1..end].ToLowerInvariant(), text[end..].Trim());
    }

    /// <summary>The files named after a command: quoted, escaped, or one path with spaces as it is.</summary>
    /// <param name="text">What follows the command.</param>
    /// <param name="exists">Whether there is a file of that name.</param>
    public static IReadOnlyList<string> Files(string text, Func<string, bool> exists)
    {
        if (text.Length == 0)
        {
            return [];
        }

        // A path with spaces needs no quotes when it is the only one, as when it was dropped on the window.
        return text[0] is not ('"' or '\'') && exists(text) ? [text] : Split(text);
    }

    // A shell's rules, except that a backslash which escapes nothing is part of the path, as on Windows.
    static List<string> Split(string text)
    {
        var files = new List<string>();
        var current = new System.Text.StringBuilder();
        char quote = '\0';
        bool open = false;
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (quote != '\0')
            {
                if (c == quote)
                {
                    quote = '\0';
                }
                else
                {
                    current.Append(c);
                }
            }
            else if (c is '"' or '\'')
            {
                quote = c;
                open = true;
            }
            else if (c == '\\' && i + 1 < text.Length && text[i + 1] is ' ' or '"' or '\'' or '(' or ')' or '&')
            {
                current.Append(text[++i]);
                open = true;
            }
            else if (char.IsWhiteSpace(c))
            {
                Close();
            }
            else
            {
                current.Append(c);
                open = true;
            }
        }

        Close();
        return files;

        void Close()
        {
            if (open)
            {
                files.Add(current.ToString());
                current.Clear();
                open = false;
            }
        }
    }
}
