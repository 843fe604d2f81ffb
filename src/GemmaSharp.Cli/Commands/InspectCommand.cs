using System.CommandLine;
using GemmaSharp.Checkpoints;
using GemmaSharp.Cli.Options;
using GemmaSharp.Cli.Output;
using GemmaSharp.Cli.Plots;
using GemmaSharp.Configuration;
using Spectre.Console;

namespace GemmaSharp.Cli.Commands;

/// <summary><c>gemma inspect</c>: what a checkpoint is, from its headers alone.</summary>
static class InspectCommand
{
    public static CliCommand Create(GlobalOptions global, CliConsole console)
    {
        Option<int?> depth = Numbers.Whole("--depth", "N", "Levels of the module tree to show. Default: 3.", 1, 100);
        var tensors = new Option<bool>("--tensors") { Description = "Show every tensor in the tree." };
        var slice = new SliceOption();
        var visionWeights = new VisionWeightsOption();
        Option<string?> plot = PlotOption.Create("where the bytes are");
        Option<bool> json = GlobalOptions.NewJson();
        var memory = new MemoryOptions();
        var command = new Command("inspect", "Show a checkpoint's configuration, modules, types and sizes; reads headers only.")
        {
            depth, tensors, slice.Option, visionWeights.Option, plot, json,
        };
        memory.AddTo(command);
        command.SetAction(parse =>
        {
            string folder = ModelLocator.Find(parse.GetValue(global.Model));
            MemoryEstimate? estimate = memory.Estimate(parse, global, folder, new GemmaModelOptions
            {
                Slice = slice.Read(parse),
                VisionWeights = visionWeights.Read(parse),
                Projector = global.ProjectorOf(parse),
            });
            using CheckpointInspection inspection = CheckpointInspection.Open(
                folder, slice.Read(parse), visionWeights.Read(parse), global.ProjectorOf(parse));
            PlotOption.Write(parse.GetValue(plot), () => BytesPlot.Draw(Path.GetFileName(inspection.Checkpoint.Folder), inspection.Modules));
            if (parse.GetValue(json))
            {
                JsonOutput.Print(console, writer => InspectionJson.Write(writer, inspection, estimate));
            }
            else
            {
                Print(console, inspection, estimate, parse.GetValue(tensors) ? 100 : parse.GetValue(depth) ?? 3, parse.GetValue(tensors));
            }

            return ExitCode.Done;
        });
        return new CliCommand(command, "gemma inspect", "gemma inspect --model google/gemma-3n-E2B-it --depth 4", "gemma inspect --plot bytes.png",
            "gemma inspect --model ./checkpoint --tensors", "gemma inspect --model ./gemma-3n-E4B-it --slice E2B",
            "gemma inspect --memory", "gemma inspect --memory 2GiB --no-audio", "gemma inspect --json | jq .modules");
    }

    static void Print(CliConsole console, CheckpointInspection inspection, MemoryEstimate? memory, int depth, bool tensors)
    {
        Checkpoint checkpoint = inspection.Checkpoint;
        IAnsiConsole styled = console.Styled;
        styled.MarkupLine($"[bold]{Markup.Escape(checkpoint.Folder)}[/]");
        PrintSummary(console, inspection);
        if (memory is not null)
        {
            MemoryTable.Print(console, memory);
        }

        PrintValues(styled, checkpoint.Gguf is null ? "config.json" : "keys and tensors", checkpoint.Config.Values);
        PrintValues(styled, "generation", inspection.Generation.Values);
        PrintValues(styled, "preprocessing", inspection.Processor.Values);

        styled.MarkupLine("[bold]Modules[/]");
        var tree = new Tree(Label(inspection.Modules, "model"));
        Add(tree, inspection.Modules, depth, tensors);
        styled.Write(tree);

        LoadReport report = inspection.Report;
        styled.MarkupLine(report.Findings.Count == 0
            ? "[green]No findings.[/]"
            : Show.Text($"{report.Count(Severity.Error)} errors, {report.Count(Severity.Warning)} warnings, {report.Count(Severity.Note)} notes; ")
                + "\"gemma verify\" tells them.");
    }

    static void PrintSummary(CliConsole console, CheckpointInspection inspection)
    {
        Table table = new Table().Border(TableBorder.Simple).AddColumn("stored as").AddColumn(new TableColumn("tensors").RightAligned())
            .AddColumn(new TableColumn("bytes").RightAligned());
        foreach ((string format, int count, long bytes) in inspection.Formats())
        {
            table.AddRow(Markup.Escape(format), Show.Text($"{count}"), Show.Bytes(bytes));
        }

        console.Styled.Write(table);
        ModuleNode root = inspection.Modules;
        console.Out.WriteLine(Show.Text(
            $"{Show.Count(root.ParameterCount)} parameters, {Show.Bytes(root.Bytes)} in {inspection.Checkpoint.Files.Count} file(s); ")
            + Show.Text($"{inspection.BitsPerWeight:0.00} bits per weight; quantisation: {inspection.Quantization}"));
        (long effective, long total) = inspection.TextParameters;
        console.Out.WriteLine(Show.Text($"text model: {Show.Count(total)} parameters, {Show.Count(effective)} without its embedding tables"));
        if (inspection.Checkpoint.Slice is MatFormerSlice slice)
        {
            console.Out.WriteLine($"slice \"{slice.Name}\" of the model in the files");
        }

        console.Out.WriteLine();
    }

    static void PrintValues(IAnsiConsole styled, string title, IReadOnlyList<EffectiveValue> values)
    {
        Table table = new Table().Border(TableBorder.Simple).Title($"[bold]{title}[/]").AddColumns("value", "is", "from");
        foreach (EffectiveValue value in values)
        {
            string text = value.Value.Length <= 60 ? value.Value : value.Value[..57] + "...";
            table.AddRow(Markup.Escape(value.Name), Markup.Escape(text), $"[grey]{Markup.Escape(value.Origin)}[/]");
        }

        styled.Write(table);
    }

    static void Add(IHasTreeNodes parent, ModuleNode module, int depth, bool tensors)
    {
        if (tensors)
        {
            foreach (ModuleParameter parameter in module.Parameters)
            {
                parent.AddNode($"[grey]{Markup.Escape(parameter.Name[(parameter.Name.LastIndexOf('.') + 1)..])}[/] "
                    + $"{Markup.Escape(Show.Shape(parameter.Shape))} {Markup.Escape(parameter.Format)} [grey]{Show.Bytes(parameter.Bytes)}[/]");
            }
        }

        if (depth > 0)
        {
            foreach (ModuleNode child in module.Children)
            {
                Add(parent.AddNode(Label(child, child.Name)), child, depth - 1, tensors);
            }
        }
    }

    static string Label(ModuleNode module, string name)
    {
        string formats = string.Join(", ", CheckpointInspection.Formats(module).Distinct().Order(StringComparer.Ordinal));
        string type = module.Type.Length > 0 ? $" [blue]{Markup.Escape(module.Type)}[/]" : "";
        string shape = module is { Children.Count: 0, Parameters: [ModuleParameter only] } ? " " + Markup.Escape(Show.Shape(only.Shape)) : "";
        return $"{Markup.Escape(name)}{type}{shape} [grey]{Show.Count(module.ParameterCount)} · {Show.Bytes(module.Bytes)} · {Markup.Escape(formats)}[/]";
    }
}
