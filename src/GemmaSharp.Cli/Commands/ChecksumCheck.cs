using System.CommandLine;
using System.Text.Json;
using GemmaSharp.Cli.Output;
using GemmaSharp.Hub;
using Spectre.Console;

namespace GemmaSharp.Cli.Commands;

/// <summary><c>gemma verify --checksums</c>: whether the files of a snapshot are those that the hub named when they were downloaded.</summary>
static class ChecksumCheck
{
    /// <summary>Refuses options that mean nothing beside it.</summary>
    /// <exception cref="CliException">One is given.</exception>
    public static void Require(ParseResult parse, Option checksums, params ReadOnlySpan<Option> others)
    {
        foreach (Option option in others)
        {
            if (parse.GetResult(option) is { Implicit: false })
            {
                throw CliException.Usage($"{option.Name} and {checksums.Name} are given; choose one.");
            }
        }
    }

    /// <summary>Checks and prints.</summary>
    /// <returns>The exit code: 3 when a file is damaged or missing.</returns>
    public static async Task<int> RunAsync(CliConsole console, string path, string? model, bool json, bool quiet, CancellationToken cancellationToken)
    {
        string folder = File.Exists(path) ? Path.GetDirectoryName(Path.GetFullPath(path))! : path;
        SnapshotCheck check = await new ProgressSign(console, quiet).WhileAsync<(string File, double Share), SnapshotCheck>(
            "Checking", now => ($"Checking {now.File}", now.Share),
            progress => HubCache.CheckAsync(folder, progress, cancellationToken).GetAwaiter().GetResult()).ConfigureAwait(false);
        if (json)
        {
            JsonOutput.Print(console, writer => Write(writer, check));
        }
        else
        {
            Print(console, check, model, quiet);
        }

        return check.IsSound && HasWeights(check) ? ExitCode.Done : ExitCode.CheckpointRefused;
    }

    static void Print(CliConsole console, SnapshotCheck check, string? model, bool quiet)
    {
        foreach (CheckedFile file in check.Files)
        {
            string? line = file.State switch
            {
                CheckedState.Damaged => $"[red]damaged[/] {Markup.Escape(file.Path)}: its checksum is {file.Found}, and {file.Expected} was recorded",
                CheckedState.Missing => $"[red]missing[/] {Markup.Escape(file.Path)}, {Show.Bytes(file.Size)}",
                CheckedState.Unrecorded when !quiet => $"[grey]note[/] {Markup.Escape(file.Path)} has no checksum recorded",
                _ => null,
            };
            if (line is not null)
            {
                console.Styled.MarkupLine(line);
            }
        }

        int bad = check.Files.Count(file => file.State is CheckedState.Damaged or CheckedState.Missing);
        int sound = check.Files.Count(file => file.State == CheckedState.Sound);
        string name = HubReference.TryParse(model, out HubReference? reference) && reference.Id.Contains('/', StringComparison.Ordinal) ? model! : "ORG/NAME";
        console.Styled.MarkupLine(check.IsSound && !HasWeights(check)
            ? $"[red]The snapshot has no weights.[/] \"gemma pull {Markup.Escape(name)}\" goes on with the download."
            : check.IsSound ? Show.Text($"[green]The snapshot is sound.[/] {sound} files, {Show.Bytes(check.Files.Sum(file => file.Size))}.")
            : Show.Text($"[red]The snapshot is not sound.[/] {bad} of {check.Files.Count} files {(bad == 1 ? "is" : "are")} not; ")
                + $"\"gemma pull {Markup.Escape(name)} --repair\" downloads them again.");
    }

    // What was interrupted before the first file of weights had its name has nothing that could be damaged.
    static bool HasWeights(SnapshotCheck check) => check.Files.Any(file =>
        file.Path.EndsWith(".safetensors", StringComparison.Ordinal) || file.Path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase));

    static void Write(Utf8JsonWriter json, SnapshotCheck check)
    {
        json.WriteStartObject();
        json.WriteString("folder", check.Folder);
        json.WriteBoolean("sound", check.IsSound);
        json.WriteStartArray("files");
        foreach (CheckedFile file in check.Files)
        {
            json.WriteStartObject();
            json.WriteString("path", file.Path);
            json.WriteNumber("size", file.Size);
            json.WriteString("state", JsonNamingPolicy.SnakeCaseLower.ConvertName(file.State.ToString()));
            json.WriteString("expected", file.Expected);
            json.WriteString("found", file.Found ?? (file.State == CheckedState.Sound ? file.Expected : null));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
