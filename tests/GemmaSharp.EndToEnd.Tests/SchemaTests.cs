using System.Text.Json;
using GemmaSharp.Tests.TestCheckpoints;
using Json.Schema;

namespace GemmaSharp.EndToEnd.Tests;

/// <summary>What <c>--json</c> prints is what <c>docs/schemas</c> say, and the tools agree about what convert wrote.</summary>
public sealed class SchemaTests
{
    [Fact]
    public void Verify_SoundAndFaultyCheckpoints_FollowTheSchema()
    {
        Check("verify", GemmaProcess.Run("verify", "--json"));
        using TinyCheckpoint faulty = TinyCheckpoint.Create("tiny-c", tensors => tensors
            .Where(t => !t.Name.EndsWith("layers.2.mlp.up_proj.weight", StringComparison.Ordinal))
            .Append(TinyCheckpoint.Rule("model.language_model.nonsense", [3], 1)));
        GemmaResult result = GemmaProcess.Run("verify", "--model", faulty.Folder, "--json");
        Assert.Equal(3, result.ExitCode);
        Assert.Equal(1, Check("verify", result).GetProperty("errors").GetInt32());
    }

    [Fact]
    public void Convert_Inspect_Against_FollowTheirSchemasAndAgree()
    {
        using var folder = new TemporaryFolder();
        string to = folder.File("demo-4bit");
        JsonElement converted = Check("convert", GemmaProcess.Run("convert", Demo.Folder, to, "--bits", "4", "--group-size", "32", "--json"));

        GemmaResult inspected = GemmaProcess.Run("inspect", "--model", to, "--json");
        JsonElement inspection = Check("inspect", inspected);
        Check("verify", inspection.GetProperty("report"));
        string quantization = inspection.GetProperty("quantization").GetString()!;
        Assert.Contains($"affine4/32 ×", quantization, StringComparison.Ordinal);
        Assert.Contains(quantization, GemmaProcess.Run("inspect", "--model", to).Output, StringComparison.Ordinal);
        Assert.Equal(8.0 * inspection.GetProperty("bytes").GetInt64() / inspection.GetProperty("parameters").GetInt64(), inspection.GetProperty("bits_per_weight").GetDouble(), 1e-6);

        GemmaResult differs = GemmaProcess.Run("verify", "--model", to, "--against", Demo.Folder, "--json");
        Assert.Equal(1, differs.ExitCode);
        Assert.Equal(converted.GetProperty("quantized_modules").GetInt32(), Check("verify-against", differs).GetProperty("different").GetInt32());
        GemmaResult agrees = GemmaProcess.Run("verify", "--model", to, "--against", Demo.Folder, "--tolerance", "0.2");
        Assert.Equal(0, agrees.ExitCode);
        Assert.Contains("The checkpoints agree.", agrees.Output, StringComparison.Ordinal);
        GemmaProcess.Run("verify", "--against", to, "--only", "nonsense").AssertRefused(2, "--only nonsense", "gemma inspect");
        GemmaProcess.Run("verify", "--tolerance", "1").AssertRefused(2, "--tolerance", "--against");
        GemmaProcess.Run("verify", "--against", to, "--headers-only").AssertRefused(2, "--headers-only", "--against");
        GemmaProcess.Run("verify", "--vision-weights", "sideways").AssertRefused(2, "sideways", "as-is");
    }

    [Fact]
    public void Gguf_Convert_Inspect_Verify_FollowTheirSchemasAndAgree()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("demo.gguf");
        JsonElement converted = Check("convert", GemmaProcess.Run("convert", Demo.Folder, path, "--type", "q4_k_m", "--json"));
        JsonElement inspection = Check("inspect", GemmaProcess.Run("inspect", "--model", path, "--json"));
        Check("verify", inspection.GetProperty("report"));
        Assert.Equal(converted.GetProperty("files").EnumerateArray().Select(file => file.GetString()),
            inspection.GetProperty("files").EnumerateArray().Select(file => file.GetProperty("name").GetString()));
        string[] formats = [.. inspection.GetProperty("formats").EnumerateArray().Select(format => format.GetProperty("format").GetString()!)];
        Assert.Contains("q6_k", formats);
        Assert.Equal(inspection.GetProperty("bytes").GetInt64(), inspection.GetProperty("formats").EnumerateArray().Sum(format => format.GetProperty("bytes").GetInt64()));
        JsonElement[] values = [.. inspection.GetProperty("configuration").EnumerateObject().SelectMany(part => part.Value.EnumerateArray())];
        Assert.Contains(values, value => value.GetProperty("origin").GetString() == "demo.gguf gemma3n.attention.sliding_window");
        Assert.DoesNotContain(values, value => value.GetProperty("origin").GetString()!.StartsWith("config.json", StringComparison.Ordinal));

        string shown = GemmaProcess.Run("inspect", "--model", path).Output;
        Assert.Contains("keys and tensors", shown, StringComparison.Ordinal);
        Assert.Contains(inspection.GetProperty("quantization").GetString()!, shown, StringComparison.Ordinal);
        Check("verify", GemmaProcess.Run("verify", "--model", path, "--json"));
        GemmaResult differs = GemmaProcess.Run("verify", "--model", path, "--against", Demo.Folder, "--json");
        Assert.Equal(1, differs.ExitCode);
        Check("verify-against", differs);
    }

    [Fact]
    public void Inspect_WithMemory_FollowsTheSchema()
    {
        JsonElement memory = Check("inspect", GemmaProcess.Run("inspect", "--memory", "--json")).GetProperty("memory");
        Assert.True(memory.GetProperty("total").GetInt64() > memory.GetProperty("text").GetInt64());
        memory = Check("inspect", GemmaProcess.Run("inspect", "--memory", "400MiB", "--json")).GetProperty("memory");
        Assert.InRange(memory.GetProperty("total").GetInt64(), 1, memory.GetProperty("limit").GetInt64());
    }

    [Fact]
    public void Bench_OfEverything_FollowsTheSchema()
    {
        JsonElement all = Check("bench", GemmaProcess.Run(
            "bench", "--prompt-tokens", "40", "--answer-tokens", "3", "--context", "30", "--conversations", "1,2", "--prefix", "--image", "--audio", "--profile", "--repetitions", "2",
            "--json"));
        Assert.Equal([1, 2], all.GetProperty("conversations").EnumerateArray().Select(talk => talk.GetProperty("count").GetInt32()));
        Assert.Equal(2, all.GetProperty("prefix").GetProperty("hit").GetProperty("runs").GetArrayLength());
        Assert.Equal(30, all.GetProperty("decode").GetProperty("context").GetInt32());
        JsonElement answer = all.GetProperty("profile")[1];
        (double Bytes, double Seconds)[] products = [.. answer.GetProperty("products").EnumerateArray().Select(Part)];
        (double Bytes, double Seconds)[] parts = [.. answer.GetProperty("parts").EnumerateArray().Select(Part)];
        double read = parts.Sum(part => part.Bytes), needed = all.GetProperty("decode").GetProperty("bytes_per_token").GetDouble();
        Assert.InRange(read / needed, 0.97, 1);
        Assert.Equal(answer.GetProperty("seconds").GetDouble(), parts.Sum(part => part.Seconds), 1e-7);
        Assert.Contains(parts, part => Math.Abs(part.Bytes - products.Sum(product => product.Bytes)) < 1 && part.Seconds >= products.Max(product => product.Seconds));
        JsonElement little = Check("bench", GemmaProcess.Run("bench", "--prompt-tokens", "0", "--answer-tokens", "1", "--repetitions", "1", "--json"));
        Assert.False(little.TryGetProperty("prefix", out _));
    }

    [Fact]
    public void BenchCompare_OfTwoRuns_FollowsTheSchema()
    {
        using var folder = new TemporaryFolder();
        string[] run = ["bench", "--prompt-tokens", "20", "--answer-tokens", "2", "--repetitions", "2", "--json"];
        File.WriteAllText(folder.File("old.json"), GemmaProcess.Run(run).Output);
        JsonElement compared = Check("bench-compare", GemmaProcess.Run([.. run, "--compare", folder.File("old.json")]));
        Assert.True(compared.GetProperty("same_machine").GetBoolean());
        Assert.True(compared.GetProperty("same_program").GetBoolean());
        string[] names = [.. compared.GetProperty("measures").EnumerateArray().Select(measure => measure.GetProperty("name").GetString()!)];
        Assert.Equal(["prompt of 20", "answer of 2", "load time", "peak memory", "this machine reads", "this machine computes"], names);
    }

    [Fact]
    public void FindingKinds_AreAllDescribed()
    {
        string folder = Path.Combine(AppContext.BaseDirectory, "schemas"), text = File.ReadAllText(Path.Combine(folder, "load-report.md"));
        using JsonDocument schema = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "verify.schema.json")));
        string[] listed = [.. schema.RootElement.GetProperty("properties").GetProperty("findings").GetProperty("items").GetProperty("properties").GetProperty("kind").GetProperty("enum").EnumerateArray().Select(kind => kind.GetString()!)];
        string[] kinds = [.. Enum.GetNames<FindingKind>().Select(JsonNamingPolicy.SnakeCaseLower.ConvertName)];
        Assert.Equal(kinds.Order(), listed.Order());
        Assert.All(kinds, kind => Assert.Contains($"`{kind}`", text, StringComparison.Ordinal));
    }

    static (double Bytes, double Seconds) Part(JsonElement part) => (part.GetProperty("bytes").GetDouble(), part.GetProperty("seconds").GetDouble());

    static JsonElement Check(string schema, GemmaResult result)
    {
        Assert.Equal("", result.Error);
        return Check(schema, JsonDocument.Parse(result.Output).RootElement);
    }

    static JsonElement Check(string name, JsonElement instance)
    {
        var schema = JsonSchema.FromText(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "schemas", name + ".schema.json")));
        EvaluationResults results = schema.Evaluate(instance, new EvaluationOptions { OutputFormat = OutputFormat.List });
        Assert.True(results.IsValid, string.Join('\n', (results.Details ?? []).Where(d => d.Errors is not null).SelectMany(d => d.Errors!.Select(e => $"{d.InstanceLocation}: {e.Value}"))));
        return instance;
    }
}
