using System.Text.Json;
using System.Text.Json.Nodes;
using GemmaSharp.Cli.Bench;

namespace GemmaSharp.Cli.Tests.Bench;

public sealed class CompareTests : IDisposable
{
    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gemma-test-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void File_WhatIsWritten_IsReadBack()
    {
        BenchResult result = Results.Of();
        string json = Results.Json(result);
        IReadOnlyList<BenchResult> read = BenchFile.Read(Write(json + "\n" + json));
        Assert.Equal(2, read.Count);
        Assert.Equal(json, Results.Json(read[0]));
        Assert.Equal(json, Results.Json(read[1]));
    }

    [Fact]
    public void Ratios_AreOfSpeeds_WithTheirExtremes()
    {
        var comparison = new BenchComparison([Results.Of()], [Results.Of(1.5)]);
        MeasureRatio prompt = comparison.Ratios.Single(ratio => ratio.Name == "prompt of 512");
        Assert.Equal(1.5, prompt.Ratio, 1e-9);
        Assert.Equal(512 / 2.0, prompt.OldMedian, 1e-9);
        Assert.Equal(1.5 * 1.9 / 2.2, prompt.Least, 1e-9);
        Assert.Equal(1.5 * 2.2 / 1.9, prompt.Most, 1e-9);
        Assert.True(prompt.Differs);
        Assert.Equal("better", ComparisonReport.Verdict(prompt));
        Assert.Equal("worse", ComparisonReport.Verdict(new BenchComparison([Results.Of(1.5)], [Results.Of()]).Ratios[0]));
        Assert.Equal("within the spread", ComparisonReport.Verdict(new BenchComparison([Results.Of()], [Results.Of(1.1)]).Ratios[0]));
        MeasureRatio memory = comparison.Ratios.Single(ratio => ratio.Name == "peak memory");
        Assert.Equal((1, false, ""), (memory.Ratio, memory.Differs, ComparisonReport.Range(memory)));
        Assert.Equal(17, comparison.Ratios.Count);
        Assert.Empty(comparison.Notes);
    }

    [Fact]
    public void Runs_OfSeveralResults_AreTakenTogether()
    {
        var comparison = new BenchComparison([Results.Of(), Results.Of(1.2)], [Results.Of(1.1), Results.Of(1.3)]);
        MeasureRatio prompt = comparison.Ratios[0];
        Assert.Equal((6, 6), (prompt.Old.Count, prompt.New.Count));
        Assert.Equal(1.1 * 1.9 / (1.2 * 2.2), prompt.Least, 1e-9);
    }

    [Fact]
    public async Task Files_Compared_SayWhatTheyAreOf()
    {
        string old = Write(Results.Json(Results.Of()), "old.json");
        string other = Write(Results.Json(Results.Of(2, Results.Machine with { Processor = "Abacus", ReadBandwidth = 20e9 }, "1.0.0+def", "affine4/64, integer products")));
        (int exitCode, string output, string error) = await TestConsole.RunAsync("", "bench", "--compare", old, "--result", other);
        Assert.Equal((ExitCode.Done, ""), (exitCode, error));
        foreach (string said in (string[])["different machines", "Calculator 3", "Abacus", "1.0.0+abc", "1.0.0+def", "affine4/64", "40.0 GB/s then, 20.0 now", "prompt of 512", "2.000", "better"])
        {
            Assert.Contains(said, output, StringComparison.Ordinal);
        }

        (_, output, _) = await TestConsole.RunAsync("", "bench", "--compare", old, "--result", old);
        Assert.DoesNotContain("different", output, StringComparison.Ordinal);
        (_, output, _) = await TestConsole.RunAsync("", "bench", "--compare", old, "--result", other, "--json");
        using JsonDocument json = JsonDocument.Parse(output);
        Assert.False(json.RootElement.GetProperty("same_machine").GetBoolean());
        Assert.Equal(2, json.RootElement.GetProperty("measures")[0].GetProperty("ratio").GetDouble(), 1e-6);
    }

    [Fact]
    public async Task Result_OfAnOlderVersion_IsReadAndSaysLess()
    {
        JsonNode old = JsonNode.Parse(Results.Json(Results.Of()))!;
        foreach (string name in (string[])["program", "runtime", "system", "measured_at", "profile", "prefix"])
        {
            old.AsObject().Remove(name);
        }

        foreach (string name in (string[])["processor", "integer_operations_per_second"])
        {
            old["machine"]!.AsObject().Remove(name);
        }

        old["prefill"]!.AsObject().Remove("operations");
        string file = Write(old.ToJsonString()), now = Write(Results.Json(Results.Of()), "now.json");
        (int exitCode, string output, _) = await TestConsole.RunAsync("", "bench", "--compare", file, "--result", now);
        Assert.Equal(ExitCode.Done, exitCode);
        Assert.Contains("does not say which machine", output, StringComparison.Ordinal);
        Assert.Contains("Only in the new results: first token of 512, cold, first token of 512, known.", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("nonsense", "is no JSON")]
    [InlineData("{}", "result 1: machine is missing")]
    [InlineData("[]", "result 1: it is no object")]
    [InlineData("{\"machine\":{\"instruction_set\":\"\\ud800\"}}", "gemma bench --json")]
    public async Task File_ThatIsNone_IsRefused(string content, string said)
    {
        string file = Write(content);
        (int exitCode, string output, string error) = await TestConsole.RunAsync("", "bench", "--compare", file);
        Assert.Equal((ExitCode.InputRefused, ""), (exitCode, output));
        Assert.Contains(file, error, StringComparison.Ordinal);
        Assert.Contains(said, error, StringComparison.Ordinal);
    }

    [Fact]
    public void File_WithAnyValueSpoilt_IsRefusedOrRead()
    {
        string json = Results.Json(Results.Of());
        int refused = 0;
        for (int length = 0; length < json.Length; length += 7)
        {
            refused += IsRefused(json[..length]) ? 1 : 0;
        }

        Assert.Equal((json.Length + 6) / 7, refused);
        foreach (string path in Paths(JsonNode.Parse(json)!))
        {
            foreach (string value in (string[])["null", "\"x\"", "-1", "1e999", "0.5", "[]", "[0]", "{}", "\"HALF\""])
            {
                JsonNode spoilt = JsonNode.Parse(json)!;
                JsonNode place = Find(spoilt, path);
                place.ReplaceWith(JsonNode.Parse(value));
                IsRefused(spoilt.ToJsonString().Replace("HALF", "\\ud800", StringComparison.Ordinal));
            }
        }

        bool IsRefused(string content)
        {
            try
            {
                IReadOnlyList<BenchResult> results = BenchFile.Read(Write(content));
                Assert.NotNull(new BenchComparison(results, results).Notes);
                return false;
            }
            catch (CliException e)
            {
                Assert.Equal(ExitCode.InputRefused, e.ExitCode);
                return true;
            }
        }
    }

    [Fact]
    public async Task Options_ThatDoNotFit_AreRefused()
    {
        string file = Write(Results.Json(Results.Of()));
        (int exitCode, _, string error) = await TestConsole.RunAsync("", "bench", "--result", file);
        Assert.Equal(ExitCode.Usage, exitCode);
        Assert.Contains("--compare", error, StringComparison.Ordinal);
        (exitCode, _, error) = await TestConsole.RunAsync("", "bench", "--compare", Path.Combine(_folder.FullName, "none.json"));
        Assert.Equal(ExitCode.InputRefused, exitCode);
        Assert.Contains("does not exist", error, StringComparison.Ordinal);
    }

    string Write(string content, string name = "result.json")
    {
        string file = Path.Combine(_folder.FullName, name);
        File.WriteAllText(file, content);
        return file;
    }

    /// <summary>The places of all values that are no containers.</summary>
    static IEnumerable<string> Paths(JsonNode node) => node switch
    {
        JsonObject members => members.SelectMany(member => Paths(member.Value!).Select(path => $"{member.Key}/{path}")),
        JsonArray items => items.SelectMany((item, i) => Paths(item!).Select(path => $"{i}/{path}")),
        _ => [""],
    };

    static JsonNode Find(JsonNode node, string path)
    {
        foreach (string name in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            node = node is JsonArray items ? items[int.Parse(name, System.Globalization.CultureInfo.InvariantCulture)]! : node[name]!;
        }

        return node;
    }
}
