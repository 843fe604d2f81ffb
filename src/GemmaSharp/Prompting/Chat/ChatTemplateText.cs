using System.Security.Cryptography;
using System.Text;

namespace GemmaSharp.Prompting.Chat;

/// <summary>Tells whether a template's text is one of those that <see cref="ChatTemplate"/> renders.</summary>
/// <remarks>
/// Compared is what Jinja makes of the text: comments are nothing, whitespace counts inside of string literals only, and a literal is its value
/// however it is quoted. So a line break more or another quote is the same template, and <c>'model'</c> instead of <c>'model\n'</c> is another.
/// </remarks>
internal static class ChatTemplateText
{
    /// <summary>SHA-256 of <see cref="Canonical"/>: the demo checkpoint's template and the one published with Gemma 3n.</summary>
    static readonly string[] s_known =
    [
        "461cb7c58fe39c52ae0443286602538297b89aa90286a7b4adb1a8fa44e75924",
        "23f9b3625cf333048b656fb69785f2785d06b0c980f50ff7640c91cc49f798da",
    ];

    /// <summary>Whether the template does what the built-in one does.</summary>
    public static bool IsKnown(string template) =>
        s_known.Contains(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Canonical(template)))), StringComparer.Ordinal);

    /// <summary>The template without comments and without whitespace around its words, literals in single quotes.</summary>
    internal static string Canonical(string template)
    {
        StringBuilder canonical = new();
        ReadOnlySpan<char> rest = template.ReplaceLineEndings("\n");
        bool inTag = false;
        while (!rest.IsEmpty)
        {
            if (rest.StartsWith("{#"))
            {
                int end = rest.IndexOf("#}");
                rest = end < 0 ? default : rest[(end + 2)..];
            }
            else if (inTag && rest[0] is '\'' or '"')
            {
                rest = rest[AppendLiteral(rest, canonical)..];
            }
            else
            {
                inTag = rest.StartsWith("{{") || rest.StartsWith("{%") || (inTag && !rest.StartsWith("}}") && !rest.StartsWith("%}"));
                if (!char.IsWhiteSpace(rest[0]))
                {
                    canonical.Append(rest[0]);
                }

                rest = rest[1..];
            }
        }

        return canonical.ToString();
    }

    /// <summary>Appends the literal a text begins with; returns the characters it takes.</summary>
    static int AppendLiteral(ReadOnlySpan<char> text, StringBuilder canonical)
    {
        canonical.Append('\'');
        int i = 1;
        for (; i < text.Length && text[i] != text[0]; i++)
        {
            bool escaped = text[i] == '\\' && i + 1 < text.Length;
            canonical.Append(!escaped ? text[i] : text[++i] == 'n' ? '\n' : text[i]);
        }

        canonical.Append('\'');
        return Math.Min(i + 1, text.Length);
    }
}
