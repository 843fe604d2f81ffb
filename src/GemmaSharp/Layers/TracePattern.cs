using System.IO.Enumeration;

namespace GemmaSharp.Layers;

/// <summary>A name with <c>*</c> for any characters and <c>?</c> for one; a name without either also stands for everything below it.</summary>
readonly record struct TracePattern(string Text)
{
    /// <summary>Whether the pattern covers the name.</summary>
    public bool Matches(string name) =>
        FileSystemName.MatchesSimpleExpression(Text, name, ignoreCase: false) ||
        (Text.IndexOfAny(['*', '?']) < 0 && name.StartsWith(Text, StringComparison.Ordinal) && name.Length > Text.Length && name[Text.Length] is '.' or '#');
}
