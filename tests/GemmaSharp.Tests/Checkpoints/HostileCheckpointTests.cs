using System.Diagnostics;
using System.Text;
using GemmaSharp.Checkpoints;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Checkpoints;

/// <summary>Memory is only told apart when nothing else runs.</summary>
[CollectionDefinition(DisableParallelization = true)]
public sealed class Alone;

[Collection(typeof(Alone))]
public sealed class HostileCheckpointTests
{
    // As many tensors as a header may list, none of them the model's: the report stays short, quick and small.
    [Theory]
    [InlineData("model.layers.{0}.self_attn.some_projection.weight")]
    [InlineData("model.language_model.layers.3.self_attn.q_proj{0}.weight")]
    [InlineData("model.language_model.layers.{0}.mlp.up_proj.weight")]
    public void Report_CheckpointOfNonsense_TakesBoundedMemoryAndTime(string pattern)
    {
        using TinyCheckpoint tiny = TinyCheckpoint.CreateEmpty("tiny-c");
        WriteNames(Path.Combine(tiny.Folder, "model.safetensors"), pattern, 99_999);
        long before = GC.GetTotalMemory(forceFullCollection: true);
        long start = Stopwatch.GetTimestamp();
        using Checkpoint checkpoint = Checkpoint.Open(tiny.Folder);
        LoadReport report = TinyCheckpoint.Report(checkpoint);
        TimeSpan time = Stopwatch.GetElapsedTime(start);
        long taken = GC.GetTotalMemory(forceFullCollection: true) - before;
        Assert.True(report.HasErrors);
        Assert.InRange(report.Findings.Count(f => f.Severity == Severity.Warning), 0, 1001);
        Assert.InRange(report.ToString().Length, 0, 4 << 20);
        // What tests before this one left may be collected meanwhile, so the difference may be negative.
        Assert.True(taken <= 128L << 20, $"{taken} bytes were taken.");
        Assert.InRange(time.TotalSeconds, 0, 60);
    }

    static void WriteNames(string path, string pattern, int count)
    {
        string entries = string.Join(',', Enumerable.Range(0, count).Select(i => $"\"{pattern.Replace("{0}", $"{i}", StringComparison.Ordinal)}\":{{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}"));
        byte[] header = Encoding.UTF8.GetBytes($"{{{entries}}}");
        File.WriteAllBytes(path, [.. BitConverter.GetBytes((long)header.Length), .. header]);
    }
}
