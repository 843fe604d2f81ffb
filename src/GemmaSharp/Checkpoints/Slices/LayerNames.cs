using System.Globalization;

namespace GemmaSharp.Checkpoints.Slices;

/// <summary>The layer in a name of the text model: <c>language_model.layers.7.mlp.down_proj.weight</c>.</summary>
static class LayerNames
{
    const string Prefix = "language_model.layers.";

    /// <summary>The layer a canonical name belongs to; −1 for names outside the decoder layers.</summary>
    public static int Index(string name)
    {
        if (!name.StartsWith(Prefix, StringComparison.Ordinal))
        {
            return -1;
        }

        ReadOnlySpan<char> rest = name.AsSpan(Prefix.Length);
        int end = rest.IndexOf('.');
        ReadOnlySpan<char> digits = end < 0 ? rest : rest[..end];

        // "07" is no layer, or two names would be of one.
        return (digits.Length == 1 || !digits.StartsWith("0")) && int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out int index)
            ? index
            : -1;
    }

    /// <summary>The name with another layer.</summary>
    public static string With(string name, int layer)
    {
        int end = name.IndexOf('.', Prefix.Length);
        return string.Create(CultureInfo.InvariantCulture, $"{Prefix}{layer}{(end < 0 ? "" : name[end..])}");
    }
}
