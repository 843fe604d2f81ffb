using System.CommandLine;
using GemmaSharp.Cli.Options;
using GemmaSharp.Cli.Output;
using Spectre.Console;

namespace GemmaSharp.Cli.Commands;

/// <summary><c>gemma verify</c>: whether a checkpoint fits its configuration, with every finding and its repair.</summary>
static class VerifyCommand
{
    public static CliCommand Create(GlobalOptions global, CliConsole console)
    {
        var headersOnly = new Option<bool>("--headers-only") { Description = "Do not look through the values for numbers that are not finite." };
        var adapter = new Option<string?>("--adapter") { HelpName = "DIR", Description = "Check a LoRA adapter against the checkpoint instead." };
        var checksums = new Option<bool>("--checksums")
        { Description = "Compare every file of a downloaded snapshot with the checksum that the hub recorded instead." };
        var slice = new SliceOption();
        var visionWeights = new VisionWeightsOption();
        var against = new AgainstOptions();
        Option<bool> json = GlobalOptions.NewJson();
        var command = new Command(
            "verify", "Check a checkpoint: every finding with its repair. Exit code 3 when it cannot run, 1 when it differs from another.") { headersOnly,
            adapter, checksums, slice.Option, visionWeights.Option };
        against.AddTo(command);
        command.Add(json);
        command.SetAction(async parse =>
        {
            if (against.Read(parse, headersOnly, adapter, checksums, slice.Option, visionWeights.Option) is (string other,
                CheckpointComparisonOptions comparison))
            {
                return await AgainstCheck.RunAsync(console, ModelLocator.Find(parse.GetValue(global.Model)), other, comparison, parse.GetValue(json),
                    parse.GetValue(global.Quiet)).ConfigureAwait(false);
            }

            using Interrupts.Scope interrupt = console.Interrupts.Begin();
            if (parse.GetValue(checksums))
            {
                ChecksumCheck.Require(parse, checksums, headersOnly, adapter, slice.Option, visionWeights.Option);
                return await ChecksumCheck.RunAsync(
                    console, ModelLocator.Find(parse.GetValue(global.Model)), parse.GetValue(global.Model), parse.GetValue(json), parse.GetValue(global.Quiet),
                        interrupt.Token).ConfigureAwait(false);
            }

            string folder = ModelLocator.Find(parse.GetValue(global.Model));
            MatFormerSlice? part = slice.Read(parse);
            LoadReport report = await new BusySign(console, parse.GetValue(global.Quiet)).WhileAsync(
                "Checking",
                Task.Run(() => parse.GetValue(adapter) is string adapterFolder
                    ? CheckpointInspection.VerifyAdapter(AdapterArgument.Parse(adapterFolder, adapter.Name).Folder, folder, part)
                    : CheckpointInspection.Verify(
                        folder, part, visionWeights.Read(parse), global.ProjectorOf(parse), scanValues: !parse.GetValue(headersOnly), interrupt.Token)))
                        .ConfigureAwait(false);
            if (parse.GetValue(json))
            {
                JsonOutput.Print(console, report.WriteJson);
            }
            else
            {
                Print(console, report, parse.GetValue(global.Quiet));
            }

            return report.HasErrors ? ExitCode.CheckpointRefused : ExitCode.Done;
        });
        return new CliCommand(command, "gemma verify", "gemma verify --model ./my-conversion", "gemma verify --model ./my-conversion --json --headers-only",
            "gemma verify --model google/gemma-3n-E2B-it --checksums", "gemma verify --model google/gemma-3n-E2B-it --adapter ./lawyer",
            "gemma verify --model ./e2b-4bit --against google/gemma-3n-E2B-it --tolerance 0.2 --only language_model.layers");
    }

    static void Print(CliConsole console, LoadReport report, bool quiet)
    {
        foreach (Finding finding in report.Findings)
        {
            if (quiet && finding.Severity == Severity.Note)
            {
                continue;
            }

            (string color, string word) = finding.Severity switch
            {
                Severity.Error => ("red", "error"),
                Severity.Warning => ("yellow", "warning"),
                _ => ("grey", "note"),
            };
            console.Styled.MarkupLine($"[{color}]{word}[/] {Markup.Escape(finding.Problem)}");
            foreach (string line in Details(finding))
            {
                console.Styled.MarkupLine($"      [grey]{Markup.Escape(line)}[/]");
            }

            if (finding.Repair is not null)
            {
                console.Styled.MarkupLine($"      {Markup.Escape(finding.Repair)}");
            }
        }

        string verdict = (report.IsAdapter, report.HasErrors) switch
        {
            (true, true) => "[red]The adapter cannot be used with this checkpoint.[/]",
            (true, false) => "[green]The adapter fits.[/]",
            (false, true) => "[red]The checkpoint cannot run.[/]",
            _ => "[green]The checkpoint fits.[/]",
        };
        console.Styled.MarkupLine(
            $"{verdict} {report.Tensors} tensors, {report.UsedTensors} used; {Plural(report.Count(Severity.Error), "error")}, "
                + $"{Plural(report.Count(Severity.Warning), "warning")}, {Plural(report.Count(Severity.Note), "note")}.");
    }

    static IEnumerable<string> Details(Finding finding)
    {
        if (finding.ModulePath.Length > 0)
        {
            yield return $"in {finding.ModulePath}{(finding.ModuleType.Length > 0 ? $" ({finding.ModuleType})" : "")}";
        }

        if (finding.FoundType is null && finding.StoredName is { Length: > 0 } key && finding.File is not null)
        {
            yield return $"{key} in {finding.File}";
        }
        else if (finding.File is not null)
        {
            yield return $"stored as {finding.StoredName} {finding.FoundType} {(finding.FoundShape is null ? "" : Show.Shape(finding.FoundShape))} in "
                + $"{finding.File}"
                + (finding.FirstByte is long first && finding.EndByte is long end ? Show.Text($", bytes {first} to {end}") : "");
        }
    }

    static string Plural(int count, string noun) => Show.Text($"{count} {noun}{(count == 1 ? "" : "s")}");
}
