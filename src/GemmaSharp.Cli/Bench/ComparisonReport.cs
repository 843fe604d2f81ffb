using System.Text.Json;
using GemmaSharp.Cli.Output;
using Spectre.Console;

namespace GemmaSharp.Cli.Bench;

/// <summary>Shows a comparison as a table, or as one JSON object.</summary>
static class ComparisonReport
{
    public static void Print(CliConsole console, BenchComparison comparison)
    {
        Table table = new Table().Border(TableBorder.Simple).AddColumns("what", "old", "new", "new / old", "from – to", "");
        foreach (MeasureRatio ratio in comparison.Ratios)
        {
            table.AddRow(
                Markup.Escape(ratio.Name), Show.Text($"{ratio.OldMedian:0.00} {ratio.Unit}"), Show.Text($"{ratio.NewMedian:0.00} {ratio.Unit}"),
                Show.Text($"{ratio.Ratio:0.000}"), Range(ratio), Verdict(ratio));
        }

        console.Styled.Write(table);
        foreach (string note in comparison.Notes)
        {
            console.Out.WriteLine(note);
        }

        foreach ((string side, IReadOnlyList<string> names) in
            ((string, IReadOnlyList<string>)[])[("old", comparison.OnlyInOld), ("new", comparison.OnlyInNew)])
        {
            if (names.Count > 0)
            {
                console.Out.WriteLine($"Only in the {side} results: {string.Join(", ", names)}.");
            }
        }
    }

    /// <summary>From the least ratio of two runs to the most; empty where nothing was repeated.</summary>
    public static string Range(MeasureRatio ratio) =>
        ratio.Old.Count == 1 && ratio.New.Count == 1 ? "" : Show.Text($"{ratio.Least:0.000} – {ratio.Most:0.000}");

    /// <summary>What the ratio comes to; empty where the runs do not say.</summary>
    public static string Verdict(MeasureRatio ratio) => ratio switch
    {
        _ when ratio.Old.Count == 1 || ratio.New.Count == 1 => "",
        { Differs: false } => "within the spread",
        _ => ratio.Ratio > 1 == ratio.MoreIsBetter ? "better" : "worse",
    };

    public static void Write(Utf8JsonWriter json, BenchComparison comparison)
    {
        json.WriteStartObject();
        Side("old", comparison.Old);
        Side("new", comparison.New);
        Maybe("same_machine", comparison.SameMachine);
        Maybe("same_program", comparison.SameProgram);
        json.WriteStrings("notes", comparison.Notes);
        json.WriteStartArray("measures");
        foreach (MeasureRatio ratio in comparison.Ratios)
        {
            json.WriteStartObject();
            json.WriteString("name", ratio.Name);
            json.WriteString("unit", ratio.Unit);
            json.WriteBoolean("more_is_better", ratio.MoreIsBetter);
            json.WriteMeasured("old", ratio.OldMedian);
            json.WriteMeasured("new", ratio.NewMedian);
            json.WriteNumber("old_runs", ratio.Old.Count);
            json.WriteNumber("new_runs", ratio.New.Count);
            json.WriteMeasured("ratio", ratio.Ratio);
            json.WriteMeasured("least", ratio.Least);
            json.WriteMeasured("most", ratio.Most);
            json.WriteBoolean("differs", ratio.Differs);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStrings("only_in_old", comparison.OnlyInOld);
        json.WriteStrings("only_in_new", comparison.OnlyInNew);
        json.WriteEndObject();

        void Side(string name, IReadOnlyList<BenchResult> results)
        {
            json.WriteStartArray(name);
            foreach (BenchResult result in results)
            {
                json.WriteStartObject();
                json.WriteString("model", result.Model);
                json.WriteString("format", result.Format);
                json.WriteString("program", result.Origin.Program);
                json.WriteString("processor", result.Machine.Processor);
                json.WriteString("instruction_set", result.Machine.InstructionSet);
                json.WriteNumber("threads", result.Machine.Threads);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        void Maybe(string name, bool? value)
        {
            if (value is bool known)
            {
                json.WriteBoolean(name, known);
            }
            else
            {
                json.WriteNull(name);
            }
        }
    }
}
