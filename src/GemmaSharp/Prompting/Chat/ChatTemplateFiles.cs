using System.Text.Json;
using GemmaSharp.Files;

namespace GemmaSharp.Prompting.Chat;

/// <summary>Finds the template text that a checkpoint brings along.</summary>
static class ChatTemplateFiles
{
    /// <summary>A template longer than this is no template.</summary>
    const int MaxBytes = 4 << 20;

    /// <summary>The template's text; null when there is none.</summary>
    /// <exception cref="TokenizerException">A file is broken.</exception>
    public static string? Read(string folder)
    {
        string jinja = Path.Combine(folder, "chat_template.jinja");
        return IsThere(jinja)
            ? System.Text.Encoding.UTF8.GetString(Bytes(jinja))
            : Property(Path.Combine(folder, "chat_template.json")) ?? Property(Path.Combine(folder, "tokenizer_config.json"));
    }

    static bool IsThere(string path) =>
        File.Exists(path) || (Directory.Exists(path)
            ? throw new TokenizerException($"{Path.GetFileName(path)} is a folder; a file is needed, download it again.") : false);

    static string? Property(string path)
    {
        if (!IsThere(path))
        {
            return null;
        }

        try
        {
            using JsonDocument json = JsonDocument.Parse(Bytes(path));
            if (json.RootElement.ValueKind != JsonValueKind.Object || !json.RootElement.TryGetProperty("chat_template", out JsonElement template))
            {
                return null;
            }

            return template.ValueKind switch
            {
                JsonValueKind.String => template.GetString(),

                // A list of named templates: the one called default is used for chat.
                JsonValueKind.Array => template.EnumerateArray().Where(IsDefault).Select(t => t.GetProperty("template").GetString()).FirstOrDefault(),
                JsonValueKind.Null => null,
                _ => throw new TokenizerException(
                    $"{Path.GetFileName(path)}: $.chat_template is {template.ValueKind}; it must be a text or a list of named texts."),
            };
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new TokenizerException($"{Path.GetFileName(path)} is not valid JSON: {e.Message}");
        }
    }

    static bool IsDefault(JsonElement template) =>
        template.ValueKind == JsonValueKind.Object
        && template.TryGetProperty("name", out JsonElement name) && name.ValueKind == JsonValueKind.String && name.GetString() == "default"
        && template.TryGetProperty("template", out JsonElement text) && text.ValueKind == JsonValueKind.String;

    static byte[] Bytes(string path)
    {
        try
        {
            byte[] bytes = BoundedFile.ReadRegular(path, MaxBytes)
                ?? throw new TokenizerException($"{Path.GetFileName(path)} is larger than {MaxBytes >> 20} MB; a chat template is a page of text.");
            return bytes.Length > 0 ? bytes : throw new TokenizerException($"{Path.GetFileName(path)} has no content; download it again.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TokenizerException($"{Path.GetFileName(path)} cannot be read: {e.Message}");
        }
    }
}
