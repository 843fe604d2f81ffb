using System.Globalization;
using System.Text.Json;

namespace GemmaSharp.Cli.Certification;

/// <summary>What <c>scripts/record-reference.py</c> wrote: the reference's own results for some conversations, and which files it computed them with.</summary>
sealed class ReferenceRecording
{
    /// <summary>The file that says what there is.</summary>
    public const string FileName = "reference.json";

    /// <summary>The form that is read.</summary>
    public const string Format = "gemma-reference-1";

    const int MostBytes = 64 << 20;

    ReferenceRecording(string path, JsonElement root)
    {
        Path = path;
        if (Text(root, "format") is not Format)
        {
            throw Bad($"says format {Shown(root, "format")}; {Format} is needed");
        }

        Versions = [.. Items(root, "versions").Select(version => (version.Name, version.Value.ToString()))];
        Files = [.. List(root, "checkpoint").Select(file => new RecordedFile(
            Required(file, "name"), Number(file, "size"), Required(file, "sha256").ToLowerInvariant()))];
        Cases = [.. List(root, "cases").Select(each => new RecordedCase(
            Required(each, "name"), Inside(Required(each, "messages")), Inside(Required(each, "trace")), Required(each, "trace_sha256").ToLowerInvariant(),
            Integers(each, "token_ids"), Integers(each, "greedy"),
            [.. List(each, "greedy_gaps").Select(gap => gap.TryGetDouble(out double number) && number >= 0 ? number
                : throw Bad($"has {gap} among \"greedy_gaps\""))]))];
        if (Cases.FirstOrDefault(each => each.Greedy.Length != each.GreedyGaps.Length) is RecordedCase odd)
        {
            throw Bad($"has {odd.Greedy.Length} greedy tokens and {odd.GreedyGaps.Length} gaps in case {odd.Name}");
        }
        if (Files.Count == 0 || Cases.Count == 0)
        {
            throw Bad($"has {Files.Count} files of the checkpoint and {Cases.Count} cases; one of each is needed at least");
        }
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>What the reference ran on: transformers, torch, python …</summary>
    public IReadOnlyList<(string Name, string Version)> Versions { get; }

    /// <summary>The checkpoint's files.</summary>
    public IReadOnlyList<RecordedFile> Files { get; }

    /// <summary>The conversations.</summary>
    public IReadOnlyList<RecordedCase> Cases { get; }

    /// <summary>Reads a recording.</summary>
    /// <param name="path">Its folder, or the file in it.</param>
    /// <exception cref="CliException">It is none, or not whole.</exception>
    public static ReferenceRecording Read(string path)
    {
        string file = Directory.Exists(path) ? System.IO.Path.Combine(path, FileName) : path;
        try
        {
            if (new FileInfo(file) is { Exists: true, Length: > MostBytes } large)
            {
                throw CliException.Input(Output.Show.Text($"{file} has {large.Length} bytes; a recording's {FileName} has {MostBytes} at most."));
            }

            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(file));
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? new ReferenceRecording(file, document.RootElement)
                : throw CliException.Input($"{file} holds no object; give the folder that scripts/record-reference.py wrote.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException)
        {
            throw CliException.Input(
                $"{file} cannot be read as a recording ({e.Message.TrimEnd('.')}); give the folder that scripts/record-reference.py wrote.", e);
        }
    }

    string Inside(string name)
    {
        string folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(Path))!;
        string full = System.IO.Path.GetFullPath(System.IO.Path.Combine(folder, name));
        return full.StartsWith(folder + System.IO.Path.DirectorySeparatorChar, StringComparison.Ordinal)
            ? full : throw Bad($"names the file {name}, which lies outside its folder");
    }

    JsonElement.ArrayEnumerator List(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out JsonElement list) && list.ValueKind == JsonValueKind.Array
        ? list.EnumerateArray() : throw Bad($"has no list \"{name}\"");

    JsonElement.ObjectEnumerator Items(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out JsonElement items) && items.ValueKind == JsonValueKind.Object
            ? items.EnumerateObject() : throw Bad($"has no object \"{name}\"");

    string Required(JsonElement parent, string name) => Text(parent, name) is { Length: > 0 } text ? text : throw Bad($"lacks the text \"{name}\"");

    long Number(JsonElement parent, string name) => parent.TryGetProperty(name, out JsonElement value) && value.TryGetInt64(out long number) && number >= 0
        ? number : throw Bad($"lacks the number \"{name}\"");

    int[] Integers(JsonElement parent, string name) =>
        [.. List(parent, name).Select(value => value.TryGetInt32(out int id) ? id : throw Bad($"has {value} among \"{name}\""))];

    CliException Bad(string problem) => CliException.Input($"{Path} {problem}; record the reference anew with scripts/record-reference.py.");

    static string? Text(JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? value.GetString() : null;

    static string Shown(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out JsonElement value) ? string.Create(CultureInfo.InvariantCulture, $"{value}") : "nothing";
}

/// <summary>A file of the checkpoint that the reference read.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Size">Its bytes.</param>
/// <param name="Sha256">Its checksum, 64 hexadecimal digits.</param>
readonly record struct RecordedFile(string Name, long Size, string Sha256);

/// <summary>A conversation, and what the reference made of it.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Messages">The file of the conversation, its pictures and sounds beside it.</param>
/// <param name="Trace">The file of the tensors.</param>
/// <param name="TraceSha256">Its checksum.</param>
/// <param name="TokenIds">The prompt.</param>
/// <param name="Greedy">The most probable token of each step, end tokens left out.</param>
/// <param name="GreedyGaps">How far the second most probable one is behind it, as a share of the largest logit.</param>
sealed record RecordedCase(string Name, string Messages, string Trace, string TraceSha256, int[] TokenIds, int[] Greedy, double[] GreedyGaps);
