using System.Text.Json;
using GemmaSharp.Cli.Bench;

namespace GemmaSharp.Benchmarks;

/// <summary>What <c>llama-bench -o jsonl</c> printed, as figures that ours can be compared with.</summary>
internal static class PeerResults
{
    /// <summary>Reads lines of objects; figures have the names that ours have.</summary>
    public static IReadOnlyList<Measure> Read(string path)
    {
        var measures = new List<Measure>();
        foreach (string line in File.ReadLines(path).Where(line => line.Length > 0))
        {
            using JsonDocument document = JsonDocument.Parse(line);
            JsonElement json = document.RootElement;
            if (json.TryGetProperty("peak_memory_bytes", out JsonElement peak))
            {
                measures.Add(new Measure("peak memory", "GiB", false, [peak.GetDouble() / (1L << 30)]));
                continue;
            }

            int prompt = json.GetProperty("n_prompt").GetInt32(), answer = json.GetProperty("n_gen").GetInt32();
            double[] speeds = [.. json.GetProperty("samples_ts").EnumerateArray().Select(speed => speed.GetDouble())];
            measures.Add(new Measure(answer == 0 ? FormattableString.Invariant($"prompt of {prompt}") : FormattableString.Invariant($"answer of {answer}"), "tokens/s", true, speeds));
        }

        return [.. measures.GroupBy(measure => measure.Name).Select(same => same.First() with { Values = [.. same.SelectMany(measure => measure.Values)] })];
    }

    /// <summary>Ours over theirs, from the two files that compare-llama.sh leaves in a folder.</summary>
    public static (IReadOnlyList<MeasureRatio> Ratios, IReadOnlyList<BenchResult> Ours) Compare(string folder)
    {
        IReadOnlyList<BenchResult> ours = BenchFile.Read(Path.Combine(folder, "gemma.jsonl"));
        IReadOnlyList<Measure> theirs = Read(Path.Combine(folder, "llama.jsonl"));
        return ([.. theirs.Join(Measure.Of(ours), old => old.Name, now => now.Name, (old, now) => new MeasureRatio(old.Name, old.Unit, old.MoreIsBetter, old.Values, now.Values))], ours);
    }

    /// <summary>The comparison as a table.</summary>
    public static IEnumerable<string> Table(string folder)
    {
        (IReadOnlyList<MeasureRatio> ratios, IReadOnlyList<BenchResult> ours) = Compare(folder);
        yield return $"{ours[0].Model}, {ours[0].Machine.Processor}, {ours[0].Machine.InstructionSet}, {ours[0].Machine.Threads} threads; both in turns.";
        yield return "";
        yield return "| | llama.cpp | gemma | gemma / llama.cpp | from – to |";
        yield return "|---|--:|--:|--:|--:|";
        foreach (MeasureRatio ratio in ratios)
        {
            yield return FormattableString.Invariant($"| {ratio.Name} | {ratio.OldMedian:0.00} {ratio.Unit} | {ratio.NewMedian:0.00} {ratio.Unit} | {ratio.Ratio:0.00} | {ComparisonReport.Range(ratio)} |");
        }
    }
}
