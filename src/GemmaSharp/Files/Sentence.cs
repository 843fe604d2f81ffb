using System.Text;

namespace GemmaSharp.Files;

/// <summary>
/// Sentences for people, which quote what files and strangers say: on one line, of bounded length, and of characters that a terminal only shows.
/// </summary>
static class Sentence
{
    /// <summary>The longest sentence; what is longer loses its middle, since the way out stands at its end.</summary>
    public const int Longest = 1500;

    const int End = 400;

    /// <summary>
    /// The sentence: line ends as blanks, other control characters as pictures of themselves, marks of direction as the sign of what cannot be shown.
    /// </summary>
    public static string Of(string text)
    {
        if (text.Length <= Longest && !text.AsSpan().ContainsAnyInRange('\0', '\u001F') && !text.AsSpan().ContainsAnyInRange('\u007F', '\u009F')
            && !text.AsSpan().ContainsAnyInRange('\u2028', '\u202E') && !text.AsSpan().ContainsAnyInRange('\u2066', '\u2069'))
        {
            return text;
        }

        var shown = new StringBuilder(Math.Min(text.Length, Longest + 1));
        for (int i = 0; i < text.Length; i++)
        {
            if (i == Longest - End && text.Length > Longest)
            {
                // Not between the halves of a character.
                shown.Length -= char.IsHighSurrogate(text[i - 1]) ? 1 : 0;
                shown.Append(" … ");
                i = text.Length - End;
                i += char.IsLowSurrogate(text[i]) ? 1 : 0;
            }

            char c = text[i];
            if (c == '\r' && i + 1 < text.Length && text[i + 1] == '\n')
            {
                continue;
            }

            shown.Append(c switch
            {
                '\n' or '\r' or '\u0085' or '\u2028' or '\u2029' => ' ',
                < ' ' => (char)('\u2400' + c),
                '\u007F' => '\u2421',
                (> '\u007F' and <= '\u009F') or (>= '\u202A' and <= '\u202E') or (>= '\u2066' and <= '\u2069') => '\uFFFD',
                _ => c,
            });
        }

        return shown.ToString();
    }
}
