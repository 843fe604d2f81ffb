using System.Text.Json;
using System.Text.Unicode;
using GemmaSharp.Files;

namespace GemmaSharp.Configuration;

/// <summary>Reads one JSON file of a checkpoint, bounded in size and depth.</summary>
static class ConfigFile
{
    /// <summary>A config with per-module quantisation entries is under 1 MB; anything beyond this is not a config.</summary>
    const int LargestFile = 4 << 20;

    /// <summary>The root object of <paramref name="path"/>, or <see langword="null"/> when there is no such file.</summary>
    /// <exception cref="ConfigurationException">The file is too large, unreadable, not JSON, or not an object.</exception>
    public static JsonElement? TryRead(string path)
    {
        string name = Path.GetFileName(path);
        if (!File.Exists(path))
        {
            return Directory.Exists(path) ? throw new ConfigurationException(name, "$", "It is a folder; a file is needed. Download it again.") : null;
        }

        byte[]? bytes;
        try
        {
            bytes = BoundedFile.ReadRegular(path, LargestFile);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException(name, "$", $"The file cannot be read ({e.Message}); check its permissions.", e);
        }

        return bytes is { Length: 0 } ? throw new ConfigurationException(name, "$", "The file has no content; download it again.")
            : bytes is not null ? Parse(bytes, name)
            : throw new ConfigurationException(name, "$", $"The file has more than {LargestFile} bytes, which no configuration has; download it again.");
    }

    /// <summary>The root object of the JSON text <paramref name="bytes"/>.</summary>
    public static JsonElement Parse(ReadOnlyMemory<byte> bytes, string name)
    {
        if (bytes.Span.StartsWith("\uFEFF"u8))
        {
            bytes = bytes[3..];
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(bytes);
            RequireCharacters(bytes.Span, name);
            JsonElement root = document.RootElement;
            return root.ValueKind == JsonValueKind.Object
                ? root.Clone()
                : throw new ConfigurationException(name, "$", $"The file holds a JSON {Kind(root)}; an object is needed. Download it again.");
        }
        catch (JsonException e)
        {
            throw new ConfigurationException(name, "$", $"The file is not valid JSON ({e.Message.TrimEnd('.')}); download it again.", e);
        }
    }

    /// <summary>
    /// Texts may hold bytes and escapes that are no characters. That shows only when one of them is taken, wherever that is, so it is looked for here.
    /// </summary>
    static void RequireCharacters(ReadOnlySpan<byte> json, string name)
    {
        if (!Utf8.IsValid(json))
        {
            throw new ConfigurationException(name, "$", "The file has bytes that are no UTF-8; save it as that, or download it again.");
        }

        if (JsonHalves.Find(json, default) is long place)
        {
            throw new ConfigurationException(
                name, "$", $"The text at byte {place} has half of a surrogate pair, which is no character; write whole ones, or download the file again.");
        }
    }

    /// <summary>The kind of <paramref name="element"/> as a word for messages.</summary>
    public static string Kind(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Array => "list",
        JsonValueKind.True or JsonValueKind.False => "boolean",
        _ => element.ValueKind.ToString().ToLowerInvariant(),
    };
}
