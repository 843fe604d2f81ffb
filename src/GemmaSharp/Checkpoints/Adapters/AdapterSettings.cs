using System.Text.Json;

namespace GemmaSharp.Checkpoints.Adapters;

/// <summary>What an adapter's configuration says, whichever program wrote it.</summary>
abstract class AdapterSettings
{
    /// <summary>Whether the adapter as a whole is of a kind that cannot be applied, so that its tensors need not be looked at.</summary>
    public bool Unsupported { get; protected set; }

    /// <summary>The base it was made for, as it is written; null where nothing is said.</summary>
    public string? BaseName { get; protected set; }

    /// <summary>The rank the configuration gives a module; null where it leaves that to the tensors.</summary>
    /// <param name="module">The module by the name in the file.</param>
    public abstract int? Rank(string module);

    /// <summary>s of a module's pair.</summary>
    /// <param name="module">The module by the name in the file.</param>
    /// <param name="rank">Its rank.</param>
    public abstract double Scale(string module, int rank);

    /// <summary>Whether a setting is there and says anything: null, false, and empty lists and objects do not.</summary>
    protected static bool IsSet(JsonElement config, string key) => config.TryGetProperty(key, out JsonElement value) && value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.False or JsonValueKind.Undefined => false,
        JsonValueKind.Array => value.GetArrayLength() > 0,
        JsonValueKind.Object => value.EnumerateObject().Any(),
        _ => true,
    };

    /// <summary>A setting as it may be shown.</summary>
    protected static string Shown(JsonElement config, string key) => AdapterFindings.Shown(config.GetProperty(key).GetRawText());

    /// <summary>The text of a setting; null when it is missing or no text.</summary>
    protected static string? Text(JsonElement config, string key) =>
        config.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.String ? AdapterFindings.Shown(value.GetString()!) : null;
}
