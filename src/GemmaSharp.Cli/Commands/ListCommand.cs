using System.CommandLine;
using System.Text.Json;
using GemmaSharp.Checkpoints.Gguf;
using GemmaSharp.Cli.Output;
using GemmaSharp.Hub;
using Spectre.Console;

namespace GemmaSharp.Cli.Commands;

/// <summary><c>gemma list</c>: the repositories of models in the cache, and the models of other programs.</summary>
static class ListCommand
{
    const int ShortCommit = 8;

    public static CliCommand Create(GlobalOptions global, CliConsole console)
    {
        Option<bool> json = GlobalOptions.NewJson();
        var command = new Command("list", "List the models in the Hugging Face cache, with sizes and what is missing of them, and those of Ollama, "
            + "LM Studio and llama.cpp.")
        { json };
        command.SetAction(parse =>
        {
            var cache = new HubCache();
            IReadOnlyList<CachedRepository> repositories = cache.List();
            IReadOnlyList<OtherModel> others = OtherStores.List();
            if (parse.GetValue(json))
            {
                JsonOutput.Print(console, writer => Write(writer, cache, repositories, others));
            }
            else
            {
                Print(console, cache, repositories, parse.GetValue(global.Quiet) || others.Count > 0);
                Print(console, others);
            }

            return ExitCode.Done;
        });
        return new CliCommand(command, "gemma list", "gemma list --json");
    }

    static void Print(CliConsole console, HubCache cache, IReadOnlyList<CachedRepository> repositories, bool quiet)
    {
        if (repositories.Count == 0)
        {
            if (!quiet)
            {
                console.Notice($"gemma: the cache {cache.Folder} has no models; \"gemma pull\" shows some to download");
            }

            return;
        }

        Table table = new Table().Border(TableBorder.Simple).AddColumns("repository", "revision", "commit", "size", "form", "mmproj", "");
        foreach (CachedRepository repository in repositories)
        {
            if (repository.Snapshots.Count == 0)
            {
                table.AddRow(Markup.Escape(repository.Id), "", "", Show.Bytes(repository.Bytes), "", "", Unfinished(repository));
            }

            for (int i = 0; i < repository.Snapshots.Count; i++)
            {
                CachedSnapshot snapshot = repository.Snapshots[i];
                table.AddRow(Markup.Escape(repository.Id), Markup.Escape(string.Join(' ', snapshot.Revisions)), Markup.Escape(Short(snapshot.Commit)),
                    Show.Bytes(snapshot.Bytes), Markup.Escape(snapshot.Form ?? ""), Projectors(snapshot),
                    (State(snapshot) + (i == 0 ? " " + Unfinished(repository) : "")).Trim());
            }
        }

        console.Styled.Write(table);
        string size = Show.Bytes(repositories.Sum(each => each.Bytes + each.UnfinishedBytes));
        console.Styled.MarkupLine(Markup.Escape(Show.Text(
            $"{repositories.Count} {(repositories.Count == 1 ? "repository" : "repositories")}, {size} in {cache.Folder}")));
    }

    static void Print(CliConsole console, IReadOnlyList<OtherModel> others)
    {
        if (others.Count == 0)
        {
            return;
        }

        Table table = new Table().Border(TableBorder.Simple).AddColumns("program", "--model", "size", "mmproj");
        foreach (OtherModel other in others)
        {
            table.AddRow(Markup.Escape(other.Program), Markup.Escape(other.Use), Show.Bytes(other.Bytes),
                other.Projector is string projector ? Projector(projector) : "");
        }

        console.Styled.Write(table);
    }

    static string Short(string commit) => commit.Length > ShortCommit ? commit[..ShortCommit] : commit;

    static string State(CachedSnapshot snapshot) => snapshot.IsWhole ? ""
        : snapshot.Missing.Count > 0 ? Show.Text($"[yellow]{snapshot.Missing.Count} {(snapshot.Missing.Count == 1 ? "file is" : "files are")} missing[/]")
        : "[grey]no whole checkpoint[/]";

    /// <summary>The forms of a snapshot's files with towers, or that they were not downloaded.</summary>
    static string Projectors(CachedSnapshot snapshot) =>
        snapshot.Projectors.Count > 0 ? string.Join(' ', snapshot.Projectors.Select(Projector).Distinct())
            : snapshot.Missing.Any(GgufFileNames.IsProjector) ? "[yellow]missing[/]" : "";

    static string Projector(string path) => Markup.Escape(GgufFileNames.Form(path) ?? "yes");

    static string Unfinished(CachedRepository repository) =>
        repository.UnfinishedBytes > 0 ? $"[grey]and {Show.Bytes(repository.UnfinishedBytes)} unfinished[/]" : "";

    static void Write(Utf8JsonWriter json, HubCache cache, IReadOnlyList<CachedRepository> repositories, IReadOnlyList<OtherModel> others)
    {
        json.WriteStartObject();
        json.WriteString("folder", cache.Folder);
        json.WriteStartArray("repositories");
        foreach (CachedRepository repository in repositories)
        {
            json.WriteStartObject();
            json.WriteString("id", repository.Id);
            json.WriteString("folder", repository.Folder);
            json.WriteNumber("bytes", repository.Bytes);
            json.WriteNumber("unfinished_bytes", repository.UnfinishedBytes);
            json.WriteStartArray("snapshots");
            foreach (CachedSnapshot snapshot in repository.Snapshots)
            {
                json.WriteStartObject();
                json.WriteString("commit", snapshot.Commit);
                json.WriteStrings("revisions", snapshot.Revisions);
                json.WriteString("folder", snapshot.Folder);
                json.WriteNumber("bytes", snapshot.Bytes);
                json.WriteNumber("files", snapshot.Files);
                json.WriteStrings("missing", snapshot.Missing);
                json.WriteBoolean("whole", snapshot.IsWhole);
                json.WriteString("form", snapshot.Form);
                json.WriteStrings("projectors", snapshot.Projectors);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("others");
        foreach (OtherModel other in others)
        {
            json.WriteStartObject();
            json.WriteString("program", other.Program);
            json.WriteString("name", other.Name);
            json.WriteString("use", other.Use);
            json.WriteString("path", other.Path);
            json.WriteString("projector", other.Projector);
            json.WriteNumber("bytes", other.Bytes);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
