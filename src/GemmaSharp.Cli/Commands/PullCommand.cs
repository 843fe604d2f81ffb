using System.CommandLine;
using System.Text.Json;
using GemmaSharp.Cli.Options;
using GemmaSharp.Cli.Output;
using GemmaSharp.Hub;
using Spectre.Console;

namespace GemmaSharp.Cli.Commands;

/// <summary><c>gemma pull</c>: downloads a repository of the hub into the cache.</summary>
static class PullCommand
{
    /// <summary>What it is called.</summary>
    public const string Name = "pull";

    public static CliCommand Create(GlobalOptions global, CliConsole console)
    {
        var repository = new Argument<string?>("model")
        {
            HelpName = "ORG/NAME",
            Description = "The repository, with @REVISION or :Q4_K_M behind it if need be, or a short name such as e2b. None: the short names with sizes.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var revision = new Option<string?>("--revision") { HelpName = "REV", Description = "Branch, tag, refs/pr/N or commit. Default: main." };
        Option<string[]> include = Patterns("--include", "Only files that match, such as \"*.json\"; several may be given. Default: what a checkpoint needs.");
        Option<string[]> exclude = Patterns("--exclude", "No files that match; several may be given.");
        var token = new Option<string?>("--token")
        { HelpName = "TOKEN", Description = "Access token; better HF_TOKEN, or \"hf auth login\" which stores one: others on this machine see command lines." };
        var repair = new Option<bool>("--repair") { Description = "Compare files that are there with their checksums, and download again those that differ." };
        var dryRun = new Option<bool>("--dry-run") { Description = "Print the files with their sizes and download nothing." };
        var recipe = new RecipeOptions();
        var output = new Option<string?>("--output", "-o")
        { HelpName = "DIR", Description = "With --bits, --mode or --recipe: the folder of the quantised checkpoint, the only thing that is kept." };
        var json = new Option<bool>("--json") { Description = "Print lines of JSON: how far it is, and at last the result." };
        var command = new Command(Name, "Download a checkpoint into the Hugging Face cache, or go on with it; HF_ENDPOINT names the hub.")
        { repository, revision, include, exclude, token, repair, dryRun, output, json };
        foreach (Option option in recipe.All)
        {
            command.Add(option);
        }

        command.SetAction(async parse =>
        {
            bool quiet = parse.GetValue(global.Quiet), asJson = parse.GetValue(json);
            if ((parse.GetValue(repository) ?? parse.GetValue(global.Model)) is not string name)
            {
                PrintKnown(console, asJson);
                return ExitCode.Done;
            }

            var reference = HubReference.Parse(name);
            if (parse.GetValue(revision) is string wanted)
            {
                reference = reference.Revision is null
                    ? reference.At(wanted)
                    : throw CliException.Usage($"The revision is given twice, as \"{reference.Revision}\" and with --revision; leave out one of them.");
            }

            QuantizationRecipe? quantize = recipe.Read(parse);
            string? target = parse.GetValue(output);
            if (quantize is null != target is null)
            {
                throw CliException.Usage(quantize is null
                    ? "--output is given and nothing to convert to; add --bits N, --mode or --recipe, or leave it out to download into the cache."
                    : "The checkpoint is to be quantised on the way and nothing says where to; add --output DIR.");
            }

            if (quantize is not null && (target!.Length == 0 || parse.GetValue(dryRun) || parse.GetValue(repair)
                || parse.GetValue(include) is { Length: > 0 } || parse.GetValue(exclude) is { Length: > 0 }))
            {
                throw CliException.Usage(target.Length == 0 ? "--output is empty; give the name of a new folder."
                    : "--include, --exclude, --repair and --dry-run are for downloads into the cache; leave them out when quantising on the way.");
            }

            var how = new PullOptions { Include = parse.GetValue(include) ?? [], Exclude = parse.GetValue(exclude) ?? [], Repair = parse.GetValue(repair) };
            using var client = new HubClient(new HubOptions { Token = parse.GetValue(token) });
            using Interrupts.Scope interrupt = console.Interrupts.Begin();
            if (quantize is not null)
            {
                ConversionResult converted = await new PullSign(console, quiet, asJson).WhileAsync(progress => client.PullConvertedAsync(
                    reference, target!, new ConversionOptions { Quantize = quantize, Threads = parse.GetValue(global.Threads) }, progress, interrupt.Token))
                    .ConfigureAwait(false);
                PrintConverted(console, reference, converted, quiet, asJson);
                return ExitCode.Done;
            }

            if (parse.GetValue(dryRun))
            {
                PullPlan plan = await client.PlanAsync(reference, how, new PullSign(console, quiet, asJson).Lines(), interrupt.Token).ConfigureAwait(false);
                PrintPlan(console, plan, asJson);
                return ExitCode.Done;
            }

            PullResult result = await RunAsync(console, client, reference, how, quiet, asJson, interrupt.Token).ConfigureAwait(false);
            PrintResult(console, result, quiet, asJson);
            return ExitCode.Done;
        });
        return new CliCommand(command, "gemma pull", "gemma pull e2b", "gemma pull google/gemma-3n-E4B-it", "gemma pull org/name@v1.0 --dry-run",
            "gemma pull org/name-GGUF:Q4_K_M", "gemma pull google/gemma-3n-E2B-it --bits 4 --output ./e2b-4bit",
            "gemma pull google/gemma-3n-E2B-it --include \"*.json\" --include tokenizer.model");
    }

    /// <summary>Downloads with progress, after saying what there is to do.</summary>
    public static async Task<PullResult> RunAsync(
        CliConsole console, HubClient client, HubReference reference, PullOptions how, bool quiet, bool json, CancellationToken cancellationToken)
    {
        var sign = new PullSign(console, quiet, json);
        if (client.IsOffline)
        {
            return await client.PullAsync(reference, how, null, cancellationToken).ConfigureAwait(false);
        }

        PullPlan plan = await client.PlanAsync(reference, how, sign.Lines(), cancellationToken).ConfigureAwait(false);
        if (!quiet && !json && plan.MissingBytes > 0)
        {
            console.Notice("gemma: " + Describe(plan));
        }

        return await sign.WhileAsync(progress => client.PullAsync(plan, how, progress, cancellationToken)).ConfigureAwait(false);
    }

    /// <summary>What there is to do, in a line.</summary>
    internal static string Describe(PullPlan plan)
    {
        long there = plan.TotalBytes - plan.MissingBytes;
        string resumed = there > 0 ? Show.Text($"; {Show.Bytes(there)} are there, resuming at {100 * (double)there / plan.TotalBytes:0} %") : "";
        return Show.Text($"{plan.Reference} is commit {plan.Commit[..8]}: {plan.Files.Count} files, {Show.Bytes(plan.TotalBytes)}{resumed}");
    }

    static void PrintKnown(CliConsole console, bool json)
    {
        if (json)
        {
            JsonOutput.Print(console, writer =>
            {
                writer.WriteStartObject();
                writer.WriteString("type", "known");
                writer.WriteStartArray("models");
                foreach (KnownModel model in KnownModel.All)
                {
                    writer.WriteStartObject();
                    writer.WriteString("name", model.Name);
                    writer.WriteString("id", model.Id);
                    writer.WriteNumber("bytes", model.Bytes);
                    writer.WriteString("description", model.Description);
                    writer.WriteBoolean("gated", model.IsGated);
                    writer.WriteEndObject();
                }

                writer.WriteEndArray();
                writer.WriteEndObject();
            });
            return;
        }

        Table table = new Table().Border(TableBorder.Simple).AddColumns("name", "repository", "about", "what", "");
        foreach (KnownModel model in KnownModel.All)
        {
            table.AddRow(model.Name, model.Id, Show.Bytes(model.Bytes), model.Description, model.IsGated ? "accept its licence first" : "");
        }

        console.Styled.Write(table);
    }

    static void PrintPlan(CliConsole console, PullPlan plan, bool json)
    {
        if (json)
        {
            JsonOutput.Print(console, writer =>
            {
                Begin(writer, "plan", plan.Reference, plan.Commit, plan.Folder);
                writer.WriteNumber("total_bytes", plan.TotalBytes);
                writer.WriteNumber("missing_bytes", plan.MissingBytes);
                writer.WriteStartArray("files");
                foreach (PlannedFile file in plan.Files)
                {
                    Write(writer, file.File);
                    writer.WriteBoolean("present", file.IsPresent);
                    writer.WriteNumber("partial_bytes", file.PartialBytes);
                    writer.WriteEndObject();
                }

                writer.WriteEndArray();
                writer.WriteEndObject();
            });
            return;
        }

        Table table = new Table().Border(TableBorder.Simple).AddColumns("file", "size", "");
        foreach (PlannedFile file in plan.Files)
        {
            table.AddRow(Markup.Escape(file.File.Path), Show.Bytes(file.File.Size),
                file.IsPresent ? "is there" : file.PartialBytes > 0 ? $"{Show.Bytes(file.PartialBytes)} are there" : "");
        }

        console.Styled.Write(table);
        console.Out.WriteLine($"{Describe(plan)}; {Show.Bytes(plan.MissingBytes)} to download.");
    }

    static void PrintResult(CliConsole console, PullResult result, bool quiet, bool json)
    {
        if (json)
        {
            JsonOutput.Print(console, writer =>
            {
                Begin(writer, "result", result.Reference, result.Commit, result.Folder);
                writer.WriteString("path", result.Path);
                writer.WriteNumber("total_bytes", result.TotalBytes);
                writer.WriteNumber("downloaded_bytes", result.DownloadedBytes);
                writer.WriteMeasured("seconds", result.Elapsed.TotalSeconds);
                writer.WriteStartArray("files");
                foreach (HubFile file in result.Files)
                {
                    Write(writer, file);
                    writer.WriteEndObject();
                }

                writer.WriteEndArray();
                writer.WriteEndObject();
            });
            return;
        }

        if (!quiet)
        {
            string speed = result.DownloadedBytes > 0 ? $" in {Show.Time(result.Elapsed)}" : "";
            console.Notice(result.DownloadedBytes == 0 ? $"gemma: {result.Reference} is complete; nothing was downloaded"
                : $"gemma: {Show.Bytes(result.DownloadedBytes)} downloaded and checked{speed}");
        }

        // The result alone, for scripts: gemma run --model $(gemma pull e2b).
        console.Out.WriteLine(result.Path);
    }

    static void PrintConverted(CliConsole console, HubReference reference, ConversionResult result, bool quiet, bool json)
    {
        if (json)
        {
            JsonOutput.Print(console, writer =>
            {
                writer.WriteStartObject();
                writer.WriteString("type", "converted");
                writer.WriteString("id", reference.Id);
                writer.WriteConversion(result);
                writer.WriteEndObject();
            });
            return;
        }

        foreach (string note in quiet ? [] : result.Notes)
        {
            console.Notice("gemma: note: " + note);
        }

        if (!quiet)
        {
            console.Notice(Show.Text(
                $"gemma: {reference} converted: {Show.Bytes(result.Bytes)}, {result.QuantizedModules} modules quantised, ")
                + Show.Text($"{result.BitsPerWeight:0.00} bits per weight"));
        }

        console.Out.WriteLine(result.Folder);
    }

    static void Begin(Utf8JsonWriter writer, string type, HubReference reference, string commit, string folder)
    {
        writer.WriteStartObject();
        writer.WriteString("type", type);
        writer.WriteString("id", reference.Id);
        writer.WriteString("revision", reference.Revision ?? HubReference.DefaultRevision);
        writer.WriteString("commit", commit);
        writer.WriteString("folder", folder);
    }

    static void Write(Utf8JsonWriter writer, HubFile file)
    {
        writer.WriteStartObject();
        writer.WriteString("path", file.Path);
        writer.WriteNumber("size", file.Size);
        writer.WriteString("etag", file.ETag);
    }

    static Option<string[]> Patterns(string name, string description) => new(name)
    {
        HelpName = "PATTERN",
        Description = description,
    };
}
