using System.Text;
using System.Text.RegularExpressions;

namespace GemmaSharp.Hub.Selection;

/// <summary>A pattern of paths as the hub's own tools have them: <c>*</c> and <c>?</c> stand for anything, <c>/</c> included, <c>[ab]</c> for one of several; a
/// folder's name with <c>/</c> at its end stands for all in it.</summary>
sealed class PathPattern
{
    readonly Regex _regex;

    /// <exception cref="HubException">It is empty or too long.</exception>
    public PathPattern(string pattern, string option)
    {
        if (pattern.Length is 0 or > 1000)
        {
            throw new HubException(HubFailure.BadName, $"{option} is {(pattern.Length == 0 ? "empty" : "too long")}; give a pattern such as *.json.");
        }

        Text = pattern.EndsWith('/') ? pattern + "*" : pattern;
        _regex = new Regex(Translate(Text), RegexOptions.CultureInvariant | RegexOptions.NonBacktracking | RegexOptions.Singleline);
    }

    public string Text { get; }

    public bool Matches(string path) => _regex.IsMatch(path);

    static string Translate(string pattern)
    {
        var regex = new StringBuilder(@"\A");
        for (int i = 0; i < pattern.Length; i++)
        {
            int close = pattern[i] == '[' ? pattern.IndexOf(']', Math.Min(pattern.Length, i + 2)) : -1;
            if (close > 0)
            {
                string set = pattern[(i + 1)..close];
                bool not = set[0] == '!';
                regex.Append(not ? "[^" : "[").Append((not ? set[1..] : set).Replace(@"\", @"\\", StringComparison.Ordinal)
                    .Replace("^", @"\^", StringComparison.Ordinal).Replace("[", @"\[", StringComparison.Ordinal).Replace("]", @"\]", StringComparison.Ordinal))
                    .Append(']');
                i = close;
            }
            else
            {
                regex.Append(pattern[i] switch { '*' => ".*", '?' => ".", char c => Regex.Escape(c.ToString()) });
            }
        }

        return regex.Append(@"\z").ToString();
    }
}
