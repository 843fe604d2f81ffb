using System.Text.Json;
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
        if (!File.Exists(path))
        {
            return null;
        }

        string name = Path.GetFileName(path);
        byte[]? bytes;
        try
        {
            bytes = BoundedFile.ReadRegular(path, LargestFile);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException(name, "$", $"The file cannot be read ({e.Message}); check its permissions.", e);
        }

        return bytes is not null
            ? Parse(bytes, name)
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

    /// <summary>The kind of <paramref name="element"/> as a word for messages.</summary>
    public static string Kind(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Array => "list",
        JsonValueKind.True or JsonValueKind.False => "boolean",
        _ => element.ValueKind.ToString().ToLowerInvariant(),
    };
}
