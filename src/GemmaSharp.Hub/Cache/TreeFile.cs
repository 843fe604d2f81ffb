using System.Buffers;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace GemmaSharp.Hub.Cache;

/// <summary>The files of a commit as they are written down in <c>trees/{commit}.json</c>, so that it is known without the network what a snapshot should have.
/// </summary>
static partial class TreeFile
{
    const int Version = 1;
    const int MostBytes = 64 << 20;

    /// <summary>Writes it down.</summary>
    public static void Write(string path, IReadOnlyList<HubFile> files)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteNumber("format_version", Version);
            json.WriteStartObject("files");
            foreach (HubFile file in files)
            {
                json.WriteStartObject(file.Path);
                json.WriteNumber("size", file.Size);
                json.WriteString("blob_id", file.BlobId);
                if (file.Sha256 is not null)
                {
                    json.WriteString("lfs_sha256", file.Sha256);
                    json.WriteNumber("lfs_size", file.Size);
                }

                if (file.XetHash is not null)
                {
                    json.WriteString("xet_hash", file.XetHash);
                }

                json.WriteEndObject();
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        SmallFile.Write(path, buffer.WrittenSpan);
    }

    /// <summary>Reads it; null where there is none that can be read.</summary>
    public static IReadOnlyList<HubFile>? TryRead(string path)
    {
        if (SmallFile.TryRead(path, MostBytes) is not byte[] bytes)
        {
            return null;
        }

        try
        {
            using var json = JsonDocument.Parse(bytes);
            JsonElement root = json.RootElement;
            return root.ValueKind == JsonValueKind.Object && root.TryGetProperty("format_version", out JsonElement version)
                && version.ValueKind == JsonValueKind.Number && version.TryGetInt32(out int number) && number == Version
                && root.TryGetProperty("files", out JsonElement files) && files.ValueKind == JsonValueKind.Object
                ? [.. files.EnumerateObject().Select(ReadFile).OfType<HubFile>().OrderBy(file => file.Path, StringComparer.Ordinal)]
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    static HubFile? ReadFile(JsonProperty entry)
    {
        string? blob = Text(entry.Value, "blob_id"), sha256 = Text(entry.Value, "lfs_sha256");
        long size = Number(entry.Value, "lfs_size") ?? Number(entry.Value, "size") ?? -1;
        return SafePath.Problem(entry.Name) is null && HubReference.IsCommit(blob) && size >= 0 && (sha256 is null || Sha256Form().IsMatch(sha256))
            ? new HubFile(entry.Name, size, blob!, sha256) { XetHash = Text(entry.Value, "xet_hash") }
            : null;
    }

    static string? Text(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? value.GetString() : null;

    static long? Number(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number
        && value.TryGetInt64(out long number) ? number : null;

    [GeneratedRegex(@"\A[0-9a-f]{64}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Sha256Form();
}
