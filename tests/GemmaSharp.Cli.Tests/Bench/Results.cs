using System.Text.Json;
using GemmaSharp.Cli.Bench;

namespace GemmaSharp.Cli.Tests.Bench;

/// <summary>Results that were never measured.</summary>
static class Results
{
    public static readonly Machine Machine = new("Calculator 3 (family 1, model 2)", "AVX2", 2, 40e9, 200e9, 800e9);

    /// <summary>A result of everything, all speeds of which are <paramref name="speed"/> times as high.</summary>
    public static BenchResult Of(double speed = 1, Machine? machine = null, string program = "1.0.0+abc", string format = "bf16")
    {
        Measurement time = new([.. new[] { 2, 1.9, 2.2 }.Select(seconds => seconds / speed)]);
        return new BenchResult(
            new Origin(program, ".NET 10", "Debian, X64", "bench --json", new DateTimeOffset(2026, 11, 27, 1, 2, 3, TimeSpan.Zero)), "some model", format, machine ?? Machine, 1.5,
            new PrefillResult(512, time, 100e9, 2e9), new DecodeResult(64, 0, time, 1_000_000_000, 2e9), new EncodeResult("768 × 768", time, 3e9),
            new EncodeResult("30 s", time, 4e9), [new ConversationsResult(2, 64, time, 256e9, 64e9), new ConversationsResult(8, 64, time, 1024e9, 64e9)],
            new PrefixResult(512, time, time), new ConstrainedResult(40, time, time, time, 12),
            [new SpeculationResult("copying", 100, time, time, 80, 60)],
            [new ProfileResult("answer", 1, 64, 0.03, 100, 1e-6, [new ProfilePart("products", 0.02, 1e9, 2e9), new ProfilePart("the rest", 0.01, 0, 0)],
                [new ProfilePart("q_proj", 0.02, 1e9, 2e9)])],
            3L << 30);
    }

    public static string Json(BenchResult result)
    {
        using var memory = new MemoryStream();
        using (var json = new Utf8JsonWriter(memory))
        {
            BenchReport.Write(json, result);
        }

        return System.Text.Encoding.UTF8.GetString(memory.ToArray());
    }
}
