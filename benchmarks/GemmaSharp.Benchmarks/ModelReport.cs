using System.Globalization;
using GemmaSharp.Cli.Bench;
using GemmaSharp.Cli.Output;

namespace GemmaSharp.Benchmarks;

/// <summary>Writes the report of the whole model from the results that <c>benchmarks/run.sh</c> left in a folder: one file for each case, one line for each run.</summary>
internal static class ModelReport
{
    /// <summary>What ratios refer to, where it was measured.</summary>
    const string Baseline = "4-bit";

    public static void Write(string folder)
    {
        Dictionary<string, IReadOnlyList<BenchResult>> cases = Directory.EnumerateFiles(Path.Combine(folder, "runs"), "*.jsonl")
            .ToDictionary(file => Path.GetFileNameWithoutExtension(file), BenchFile.Read);
        string[] names = [.. cases.Keys.OrderBy(name => name != Baseline).ThenBy(name => name, StringComparer.Ordinal)];
        if (names.Length == 0)
        {
            throw new InvalidOperationException($"{folder}/runs has no results.");
        }

        Head(cases.Values.SelectMany(results => results).ToArray());
        Commands(names, cases);
        Speeds(names, cases);
        Towers(names, cases);
        Conversations(names, cases);
        Ratios(names, cases);
        if (Directory.Exists(Path.Combine(folder, "runs", "llama.cpp")))
        {
            Line("## Beside llama.cpp");
            Line();
            foreach (string line in PeerResults.Table(Path.Combine(folder, "runs", "llama.cpp")))
            {
                Line(line);
            }

            Line();
        }

        if (File.Exists(Path.Combine(folder, "roofline.png")))
        {
            Line("## Roofline");
            Line();
            Line($"The last run of {Baseline}, under the roof that this machine's memory and arithmetic set (`gemma bench --plot`).");
            Line();
            Line("![Speeds under the roof of memory and arithmetic](roofline.png)");
            Line();
        }

        Profiles(names, cases);
    }

    static void Head(BenchResult[] all)
    {
        BenchResult first = all[0];
        DateTimeOffset?[] times = [.. all.Select(result => result.Origin.MeasuredAt).Order()];
        Line($"# The whole model on {first.Machine.Processor}, {first.Machine.Threads} threads");
        Line();
        Line($"{times[0]:yyyy-MM-dd HH:mm} to {times[^1]:yyyy-MM-dd HH:mm} UTC, {string.Join(" and ", all.Select(result => result.Origin.Runtime).Distinct())}, {first.Origin.System}, "
            + $"gemma {string.Join(" and ", all.Select(result => result.Origin.Program).Distinct())}. Written by `benchmarks/run.sh`. Cases have their turns one after the other, several times; figures are medians of all runs,");
        Line("± the largest distance from the median. The machine's own figures are measured in every run: "
            + $"it reads {Range(all.Select(result => result.Machine.ReadBandwidth / 1e9))} GB/s and computes {Range(all.Select(result => result.Machine.FloatPeak / 1e9))} Gop/s in float32, "
            + $"{Range(all.Select(result => result.Machine.IntegerPeak / 1e9))} Gop/s in 8-bit integers. Shares are of the figures of the same run.");
        Line();
    }

    static void Commands(string[] names, Dictionary<string, IReadOnlyList<BenchResult>> cases)
    {
        Line("| case | weights | instructions | runs | command |");
        Line("|---|---|---|--:|---|");
        foreach (string name in names)
        {
            BenchResult first = cases[name][0];
            Line($"| {name} | {first.Format} | {first.Machine.InstructionSet} | {cases[name].Count} | `gemma {first.Origin.Arguments}` |");
        }

        Line();
    }

    static void Speeds(string[] names, Dictionary<string, IReadOnlyList<BenchResult>> cases)
    {
        string[] text = [.. names.Where(name => cases[name].Any(result => result.Prefill is not null || result.Decode is not null))];
        if (text.Length == 0)
        {
            return;
        }

        Line("## Text");
        Line();
        Line("| case | prompt, tokens/s | of the peak | answer, tokens/s | of the bandwidth | load | peak memory |");
        Line("|---|--:|--:|--:|--:|--:|--:|");
        foreach (string name in text)
        {
            IReadOnlyList<BenchResult> results = cases[name];
            Line($"| {name} | {Spread(results.Where(r => r.Prefill is not null).SelectMany(r => r.Prefill!.Time.Seconds.Select(s => r.Prefill.Tokens / s)), "0.0")}"
                + $" | {Share(results.Where(r => r.Prefill is not null).Select(r => r.Prefill!.Operations / r.Prefill.Time.Median / r.Peak))}"
                + $" | {Spread(results.Where(r => r.Decode is not null).SelectMany(r => r.Decode!.Time.Seconds.Select(s => r.Decode.Tokens / s)), "0.00")}"
                + $" | {Share(results.Where(r => r.Decode is not null).Select(r => r.Decode!.BytesPerToken * (double)r.Decode.Tokens / r.Decode.Time.Median / r.Machine.ReadBandwidth))}"
                + Show.Text($" | {Median(results.Select(r => r.LoadSeconds)):0.0} s | {Show.Bytes((long)Median(results.Select(r => (double)r.PeakMemory)))} |"));
        }

        Line();
        Line("The peak is that of 8-bit integers where products are of integers, of float32 elsewhere.");
        Line();
    }

    static void Towers(string[] names, Dictionary<string, IReadOnlyList<BenchResult>> cases)
    {
        (string Name, string Input, BenchResult Result, EncodeResult Encode)[] all =
        [
            .. names.SelectMany(name => cases[name].SelectMany(result => new[] { ("picture of ", result.Image), ("sound of ", result.Audio) }
                .Where(each => each.Item2 is not null).Select(each => (name, each.Item1 + each.Item2!.Input, result, each.Item2!)))),
        ];
        if (all.Length == 0)
        {
            return;
        }

        Line("## Pictures and sound");
        Line();
        Line("| case | | seconds | of the float32 peak |");
        Line("|---|---|--:|--:|");
        foreach (var same in all.GroupBy(each => (each.Name, each.Input)))
        {
            Line($"| {same.Key.Name} | {same.Key.Input} | {Spread(same.SelectMany(each => each.Encode.Time.Seconds), "0.00")} | "
                + $"{Share(same.Select(each => each.Encode.Operations / each.Encode.Time.Median / each.Result.Machine.FloatPeak))} |");
        }

        Line();
    }

    static void Conversations(string[] names, Dictionary<string, IReadOnlyList<BenchResult>> cases)
    {
        foreach (string name in names.Where(name => cases[name].Any(result => result.Conversations.Count > 0)))
        {
            var talks = cases[name].SelectMany(result => result.Conversations).GroupBy(talk => talk.Count).OrderBy(same => same.Key)
                .Select(same => (Count: same.Key, Rates: same.SelectMany(talk => talk.Time.Seconds.Select(s => talk.Count * talk.Tokens / s)).ToArray())).ToArray();
            Line($"## Conversations at once, {name}");
            Line();
            Line("| conversations | tokens/s in all | times the first line | from – to |");
            Line("|--:|--:|--:|--:|");
            foreach ((int count, double[] rates) in talks)
            {
                var ratio = new MeasureRatio("", "", true, talks[0].Rates, rates);
                Line(Show.Text($"| {count} | {Spread(rates, "0.00")} | {ratio.Ratio:0.00} | {ComparisonReport.Range(ratio)} |"));
            }

            Line();
        }
    }

    static void Ratios(string[] names, Dictionary<string, IReadOnlyList<BenchResult>> cases)
    {
        if (!cases.TryGetValue(Baseline, out IReadOnlyList<BenchResult>? baseline) || names.Length == 1)
        {
            return;
        }

        Line($"## Beside {Baseline}");
        Line();
        Line("| case | what | ratio | from – to |");
        Line("|---|---|--:|--:|");
        foreach (string name in names.Where(name => name != Baseline))
        {
            foreach (MeasureRatio ratio in new BenchComparison(baseline, cases[name]).Ratios)
            {
                Line(Show.Text($"| {name} | {ratio.Name} | {ratio.Ratio:0.00} | {ComparisonReport.Range(ratio)} |"));
            }
        }

        Line();
    }

    static void Profiles(string[] names, Dictionary<string, IReadOnlyList<BenchResult>> cases)
    {
        Line("## Where a step's time goes");
        Line();
        Line("The run of each case whose step is the median one (`gemma bench --profile`). A part's time is the clock's, with the starts of its loops and the wait for the slower thread.");
        Line();
        foreach (string name in names)
        {
            foreach (var same in cases[name].SelectMany(result => result.Profiles.Select(profile => (Result: result, Profile: profile))).GroupBy(each => each.Profile.Of))
            {
                (BenchResult result, ProfileResult profile) = same.OrderBy(each => each.Profile.Seconds).ElementAt((same.Count() - 1) / 2);
                Line($"### {name}. {ProfileReport.Heading(profile)}");
                Line();
                Line("| part | time | share | of this machine |");
                Line("|---|--:|--:|---|");
                foreach ((string part, ProfilePart time) in ProfileReport.Lines(profile))
                {
                    Line(Show.Text($"| {part} | {ProfileReport.Milliseconds(time.Seconds)} | {time.Seconds / profile.Seconds:0.0 %} | {ProfileReport.Rates(time, result)} |"));
                }

                Line();
                Line(ProfileReport.Loops(profile));
                Line();
            }
        }
    }

    static string Spread(IEnumerable<double> values, string format)
    {
        double[] all = [.. values];
        return all.Length == 0 ? "" : new Measurement(all) is { Median: double median, Spread: double spread }
            ? median.ToString(format, CultureInfo.InvariantCulture) + Show.Text($" ± {spread:0 %}") : "";
    }

    static string Share(IEnumerable<double> values)
    {
        double[] all = [.. values];
        return all.Length == 0 ? "" : Show.Text($"{Median(all):0 %}");
    }

    static string Range(IEnumerable<double> values)
    {
        double[] all = [.. values];
        return Show.Text($"{all.Min():0}") is string least && Show.Text($"{all.Max():0}") is string most && least != most ? $"{least} to {most}" : Show.Text($"{all[0]:0.0}");
    }

    static double Median(IEnumerable<double> values) => new Measurement([.. values]).Median;

    static void Line(string text = "") => Console.WriteLine(text);
}
