namespace GemmaSharp.Configuration;

/// <summary>Where a value stands, for messages and listings.</summary>
/// <param name="File">The file's name.</param>
/// <param name="Path">Where in it: a JSON path, a key, or what of a tensor.</param>
readonly record struct ConfigPlace(string File, string Path)
{
    /// <inheritdoc/>
    public override string ToString() => $"{File} {Path}";
}
