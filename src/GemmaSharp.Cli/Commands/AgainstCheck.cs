using System.Text.Json;
using GemmaSharp.Cli.Output;
using Spectre.Console;

namespace GemmaSharp.Cli.Commands;

/// <summary><c>gemma verify --against</c>: compares two checkpoints and tells the parameters that differ, the worst first.</summary>
static class AgainstCheck
{
    const int MostRows = 20;

    /// <summary>Compares and prints.</summary>
    /// <returns>The exit code: 0 when all parameters agree.</returns>
    public static async Task<int> RunAsync(CliConsole console, string folder, string other, CheckpointComparisonOptions options, bool json, bool quiet)
    {
        using Interrupts.Scope interrupt = console.Interrupts.Begin();
        CheckpointComparison comparison = await new ProgressSign(console, quiet).WhileAsync<double, CheckpointComparison>(
            "Comparing", share => ("Comparing", share), progress => CheckpointComparison.Compare(folder, other, options, progress, interrupt.Token))
                .ConfigureAwait(false);
        if (comparison.Parameters.Count == 0)
        {
            throw CliException.Usage($"--only {string.Join(" --only ", options.Only)} fits no parameter of either checkpoint; \"gemma inspect --tensors\" "
                + $"shows their names.");
        }

        if (json)
        {
            JsonOutput.Print(console, writer => Write(writer, comparison));
        }
        else
        {
            Print(console, comparison, quiet);
        }

        return comparison.Agrees ? ExitCode.Done : ExitCode.Failed;
    }

    static void Print(CliConsole console, CheckpointComparison comparison, bool quiet)
    {
        ParameterDifference[] shown = [.. comparison.Parameters.Where(p => p.Agreement != ParameterAgreement.Exact)];
        if (shown.Length > 0 && !quiet)
        {
            Table table = new Table().Border(TableBorder.Simple).AddColumns("parameter", "stored as", "max|a−b|/max|b|", "rms", "");
            foreach (ParameterDifference parameter in shown.Take(MostRows))
            {
                table.AddRow(Markup.Escape(parameter.Name), Markup.Escape(Forms(parameter)), Number(parameter.Relative), Number(parameter.RootMeanSquare),
                    Verdict(parameter));
            }

            console.Styled.Write(table);
            if (shown.Length > MostRows)
            {
                console.Out.WriteLine(Show.Text($"… and {shown.Length - MostRows} more that are not exactly equal; --json lists all."));
            }
        }

        int exact = comparison.Count(ParameterAgreement.Exact), close = comparison.Count(ParameterAgreement.Close),
            different = comparison.Count(ParameterAgreement.Different);
        int shapes = comparison.Count(ParameterAgreement.OtherShape), first = comparison.Count(ParameterAgreement.OnlyInFirst),
            other = comparison.Count(ParameterAgreement.OnlyInOther);
        string verdict = comparison.Agrees ? "[green]The checkpoints agree.[/]" : "[red]The checkpoints differ.[/]";
        console.Styled.MarkupLine(Show.Text(
            $"{verdict} {comparison.Parameters.Count} parameters: {exact} equal, {close} within {comparison.Options.Tolerance}, {different} different, ")
            + Show.Text($"{shapes} of another shape, {first} only in the first, {other} only in the other."));
    }

    static string Forms(ParameterDifference parameter) => (parameter.First, parameter.Other) switch
    {
        (ParameterForm a, null) => $"{a.Format} {Show.Shape(a.Shape)}",
        (null, ParameterForm b) => $"{b.Format} {Show.Shape(b.Shape)}",
        (ParameterForm a, ParameterForm b) when !a.Shape.SequenceEqual(b.Shape) => $"{a.Format} {Show.Shape(a.Shape)} / {b.Format} {Show.Shape(b.Shape)}",
        (ParameterForm a, ParameterForm b) => a.Format == b.Format ? a.Format : $"{a.Format} / {b.Format}",
        _ => "",
    };

    static string Verdict(ParameterDifference parameter) => parameter.Agreement switch
    {
        ParameterAgreement.Exact => "[green]equal[/]",
        ParameterAgreement.Close => "[green]close[/]",
        ParameterAgreement.OtherShape => "[red]another shape[/]",
        ParameterAgreement.OnlyInFirst => parameter.Agrees ? "only in the first; not needed" : "[red]only in the first[/]",
        ParameterAgreement.OnlyInOther => parameter.Agrees ? "only in the other; not needed" : "[red]only in the other[/]",
        _ => "[red]different[/]",
    };

    static string Number(double value) => double.IsNaN(value) ? "" : Show.Text($"{value:0.00e+0}");

    static void Write(Utf8JsonWriter json, CheckpointComparison comparison)
    {
        json.WriteStartObject();
        json.WriteString("folder", comparison.Folder);
        json.WriteString("other", comparison.Other);
        json.WriteNumber("tolerance", comparison.Options.Tolerance);
        json.WriteBoolean("agrees", comparison.Agrees);
        foreach (ParameterAgreement agreement in Enum.GetValues<ParameterAgreement>())
        {
            json.WriteNumber(Snake(agreement), comparison.Count(agreement));
        }

        json.WriteStartArray("parameters");
        foreach (ParameterDifference parameter in comparison.Parameters)
        {
            json.WriteStartObject();
            json.WriteString("name", parameter.Name);
            json.WriteString("agreement", Snake(parameter.Agreement));
            json.WriteBoolean("agrees", parameter.Agrees);
            Write(json, "first", parameter.First);
            Write(json, "other", parameter.Other);
            json.WriteFinite("relative", parameter.Relative);
            json.WriteFinite("rms", parameter.RootMeanSquare);
            json.WriteNumber("worst_index", parameter.WorstIndex);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    static void Write(Utf8JsonWriter json, string name, ParameterForm? form)
    {
        if (form is null)
        {
            json.WriteNull(name);
            return;
        }

        json.WriteStartObject(name);
        json.WriteString("stored_name", form.StoredName);
        json.WriteString("file", form.File);
        json.WriteString("format", form.Format);
        json.WriteNumbers("shape", form.Shape);
        json.WriteEndObject();
    }

    static string Snake(ParameterAgreement agreement) => JsonNamingPolicy.SnakeCaseLower.ConvertName(agreement.ToString());
}
