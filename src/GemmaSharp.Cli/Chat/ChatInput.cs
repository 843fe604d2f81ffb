using System.Text;
using GemmaSharp.Cli.Conversations;

namespace GemmaSharp.Cli.Chat;

/// <summary>What is typed in a chat: mostly a line, or several as one message.</summary>
/// <remarks>
/// Several lines are one message between two <c>"""</c>, after a backslash at the end of a line, and where a terminal says that they were pasted. What is
/// fenced or pasted over several lines is a message, also where it begins with a slash. Not thread-safe.
/// </remarks>
/// <param name="input">Where lines come from.</param>
/// <param name="onContinued">Called before a line is read that belongs to the one before.</param>
sealed class ChatInput(TextReader input, Action onContinued)
{
    /// <summary>Has the terminal mark what is pasted.</summary>
    public const string MarkPastes = "\u001b[?2004h";

    /// <summary>Ends that.</summary>
    public const string LeavePastes = "\u001b[?2004l";

    const string PasteBegin = "\u001b[200~", PasteEnd = "\u001b[201~", Fence = "\"\"\"";

    /// <summary>Reads what comes next.</summary>
    /// <returns>A message or a command; null when the input has ended.</returns>
    /// <exception cref="CliException">The input is no text.</exception>
    public async Task<ChatLine?> ReadAsync()
    {
        if (await LineAsync().ConfigureAwait(false) is not string line)
        {
            return null;
        }

        var text = new StringBuilder();
        bool isPasted = false, isFenced = false, isMessage = false;
        for (bool isFirst = true; ; isFirst = false)
        {
            int begin = line.LastIndexOf(PasteBegin, StringComparison.Ordinal), end = line.LastIndexOf(PasteEnd, StringComparison.Ordinal);
            isPasted = begin > end || (isPasted && end < 0);
            line = line.Replace(PasteBegin, "", StringComparison.Ordinal).Replace(PasteEnd, "", StringComparison.Ordinal);
            if (isFirst && line.TrimStart().StartsWith(Fence, StringComparison.Ordinal))
            {
                isFenced = isMessage = true;
                line = line.TrimStart()[Fence.Length..];
            }

            if (isFenced && !isPasted && line.TrimEnd().EndsWith(Fence, StringComparison.Ordinal))
            {
                text.Append(line.TrimEnd()[..^Fence.Length]);
                return Entry();
            }

            bool isContinued = !isFenced && !isPasted && line.EndsWith('\\');
            if (isContinued)
            {
                // Two backslashes are one that is meant.
                isContinued = !line.EndsWith("\\\\", StringComparison.Ordinal);
                line = line[..^1];
            }

            text.Append(line);
            if (!isFenced && !isPasted && !isContinued)
            {
                return Entry();
            }

            isMessage |= isPasted;
            onContinued();
            if (await LineAsync().ConfigureAwait(false) is not string next)
            {
                return Entry();
            }

            text.Append('\n');
            line = next;
        }

        ChatLine Entry() => isMessage ? new ChatLine(null, text.ToString().Trim()) : ChatLine.Parse(text.ToString());
    }

    async Task<string?> LineAsync()
    {
        try
        {
            return await input.ReadLineAsync().ConfigureAwait(false);
        }
        catch (DecoderFallbackException error)
        {
            throw InputFiles.NoText(error);
        }
    }
}
