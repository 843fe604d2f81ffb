using System.CommandLine;
using System.Text.Json;
using GemmaSharp.Cli.Output;
using GemmaSharp.Cli.Plots;
using Spectre.Console;

namespace GemmaSharp.Cli.Commands;

/// <summary><c>gemma diff A B</c>: compares two traces and names the first tensor that differs.</summary>
static class DiffCommand
{
    const int MostRows = 20;

    public static CliCommand Create(GlobalOptions global, CliConsole console)
    {
        var a = new Argument<string>("A") { Description = "A trace written by \"gemma trace\", or a recorded reference." };
        var b = new Argument<string>("B") { Description = "The trace it is compared with; differences are relative to its values." };
        Option<double?> tolerance = Numbers.Real(
            "--tolerance", "X", "The largest max|a − b| / max|b| that counts as equal. Default: 1e-4.", x => x >= 0, "a number of 0 or more");
        Option<string?> plot = PlotOption.Create("how far apart the tensors are, from the first module to the last");
        var all = new Option<bool>("--all") { Description = "List every tensor, not only those that differ." };
        Option<bool> json = GlobalOptions.NewJson();
        var command = new Command("diff", "Compare two traces; names the first tensor that differs. Exit code 1 when one does.")
        {
            a, b, tolerance, all, plot, json,
        };
        command.SetAction(parse =>
        {
            string pathA = parse.GetRequiredValue(a), pathB = parse.GetRequiredValue(b);
            if (pathA.Length == 0 || pathB.Length == 0)
            {
                throw CliException.Usage($"{(pathA.Length == 0 ? a.Name : b.Name)} is empty; give two files written by \"gemma trace\".");
            }

            double least = parse.GetValue(tolerance) ?? TraceComparison.DefaultTolerance;
            TraceComparison comparison = Compare(pathA, pathB, least);
            if (comparison.Tensors.Count == 0)
            {
                throw CliException.Input($"{pathA} and {pathB} have no tensor in common; compare two traces of the same model and prompt.");
            }

            PlotOption.Write(parse.GetValue(plot), () => DepthPlot.Draw(comparison, (Path.GetFileName(pathA), Path.GetFileName(pathB)), least));
            if (parse.GetValue(json))
            {
                JsonOutput.Print(console, writer => Write(writer, comparison));
            }
            else
            {
                Print(console, comparison, parse.GetValue(all), parse.GetValue(global.Quiet));
            }

            return comparison.First is null ? ExitCode.Done : ExitCode.Failed;
        });
        return new CliCommand(command, "gemma trace \"Hello\" --output a.safetensors", "gemma diff a.safetensors b.safetensors --plot depth.png",
            "gemma diff a.safetensors reference.safetensors --tolerance 1e-5 --json");
    }

    // A trace is an input file, not a checkpoint.
    static TraceComparison Compare(string pathA, string pathB, double tolerance)
    {
        try
        {
            return TraceComparison.Compare(pathA, pathB, tolerance);
        }
        catch (SafetensorsException error)
        {
            throw CliException.Input($"{error.Message.TrimEnd('.')}; give two files written by \"gemma trace\".", error);
        }
    }

    static void Print(CliConsole console, TraceComparison comparison, bool all, bool quiet)
    {
        TensorDifference[] shown = [.. comparison.Tensors.Where(t => all || !t.Agrees)];
        if (shown.Length > 0 && !quiet)
        {
            Table table = new Table().Border(TableBorder.Simple).AddColumns("tensor", "shape", "max|a−b|/max|b|", "max|a−b|", "at", "");
            foreach (TensorDifference tensor in all ? shown : shown.Take(MostRows))
            {
                bool sameShape = tensor.ShapeA.SequenceEqual(tensor.ShapeB);
                string shape = sameShape ? Show.Shape(tensor.ShapeA) : $"{Show.Shape(tensor.ShapeA)} / {Show.Shape(tensor.ShapeB)}";
                table.AddRow(
                    Markup.Escape(tensor.Name), Markup.Escape(shape), Number(tensor.Relative), Number(tensor.Absolute),
                    sameShape ? Show.Text($"{tensor.WorstIndex}") : "", tensor.Agrees ? "[green]equal[/]" : "[red]differs[/]");
            }

            console.Styled.Write(table);
            if (!all && shown.Length > MostRows)
            {
                console.Out.WriteLine($"… and {shown.Length - MostRows} more.");
            }
        }

        if (comparison.OnlyInA.Count + comparison.OnlyInB.Count > 0 && !quiet)
        {
            console.Notice($"{comparison.OnlyInA.Count} tensors are only in the first file and {comparison.OnlyInB.Count} only in the "
                + $"second{Example(comparison)}; they are not compared.");
        }

        console.Out.WriteLine(comparison.First is TensorDifference first
            ? $"First difference: {first.Name}, {Describe(first)}; {comparison.Tensors.Count(t => !t.Agrees)} of {comparison.Tensors.Count} tensors differ."
            : Show.Text($"Equal: {comparison.Tensors.Count} tensors, largest relative difference {Number(comparison.Tensors.Max(t => t.Relative))}."));
    }

    static string Describe(TensorDifference tensor) => tensor.ShapeA.SequenceEqual(tensor.ShapeB)
        ? Show.Text($"max|a−b|/max|b| = {Number(tensor.Relative)}, max|a−b| = {Number(tensor.Absolute)} at element {tensor.WorstIndex}")
        : $"{Show.Shape(tensor.ShapeA)} against {Show.Shape(tensor.ShapeB)}";

    static string Example(TraceComparison comparison) =>
        $" (such as {(comparison.OnlyInA.Count > 0 ? comparison.OnlyInA[0] : comparison.OnlyInB[0])})";

    static string Number(double value) => Show.Text($"{value:0.00e+0}");

    static void Write(Utf8JsonWriter json, TraceComparison comparison)
    {
        json.WriteStartObject();
        json.WriteBoolean("equal", comparison.First is null);
        json.WriteString("first_difference", comparison.First?.Name);
        json.WriteNumber("compared", comparison.Tensors.Count);
        json.WriteNumber("different", comparison.Tensors.Count(t => !t.Agrees));
        json.WriteStartArray("tensors");
        foreach (TensorDifference tensor in comparison.Tensors)
        {
            json.WriteStartObject();
            json.WriteString("name", tensor.Name);
            json.WriteNumbers("shape_a", tensor.ShapeA);
            json.WriteNumbers("shape_b", tensor.ShapeB);
            json.WriteFinite("relative", tensor.Relative);
            json.WriteFinite("absolute", tensor.Absolute);
            json.WriteNumber("worst_index", tensor.WorstIndex);
            json.WriteBoolean("agrees", tensor.Agrees);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStrings("only_in_a", comparison.OnlyInA);
        json.WriteStrings("only_in_b", comparison.OnlyInB);
        json.WriteEndObject();
    }
}
