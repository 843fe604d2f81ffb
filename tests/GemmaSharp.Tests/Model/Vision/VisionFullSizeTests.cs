using System.Runtime.InteropServices;
using GemmaSharp.Checkpoints;
using GemmaSharp.Cli.Bench;
using GemmaSharp.Configuration;
using GemmaSharp.Model.Vision;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Model.Vision;

/// <summary>The published tower at 768 × 768: 294 million weights by the rule, 436 billion multiply-adds.</summary>
public sealed class VisionFullSizeTests
{
    const int Side = 768;
    const int Seed = 11;

    [Fact]
    [Trait("Category", "Slow")]
    public void Forward_PublishedTower_MatchesReference()
    {
        using TinyCheckpoint files = TinyCheckpoint.CreateEmpty("tiny-c");
        WriteWeights(files.Folder, new VisionConfig());
        using Checkpoint checkpoint = Checkpoint.Open(files.Folder);
        VisionTower tower = new(checkpoint.Root["vision_tower"], new VisionConfig());
        using WorkerTeam team = new(Environment.ProcessorCount);
        RecordingTrace trace = new();
        float[] tokens = new float[tower.TokensPerImage * tower.HiddenSize];
        tower.Forward(TestPicture.Formula(Side, Side), Side, Side, tokens, team, trace);

        Golden golden = Golden.Load("full/vision.safetensors");
        Assert.Equal(golden.Keys.Count(k => k.StartsWith("vision_tower.", StringComparison.Ordinal)), trace.Names.Count(golden.Contains));
        golden.AssertClose(trace, 2e-5);
        Assert.InRange(VisionTowerTests.PeakBytes(tower, Side, Side, 2), 1, 100_000_000);
    }

    /// <summary>Writes the tower's tensors one after the other, never more than one of them in memory.</summary>
    internal static void WriteWeights(string folder, VisionConfig config)
    {
        List<(string Name, long[] Shape)> tensors = VisionCheckpoint.Declarations(config);
        using SafetensorsWriter writer = SafetensorsWriter.Create(
            Path.Combine(folder, "model.safetensors"),
            [.. tensors.Select(t => new TensorDeclaration(VisionCheckpoint.Prefix + t.Name, ElementType.BF16, t.Shape))],
            new Dictionary<string, string> { ["format"] = "pt" });
        foreach ((string name, long[] shape) in tensors)
        {
            ushort[] bits = new ushort[shape.Aggregate(1L, (size, axis) => size * axis)];
            WeightRule.Fill(VisionCheckpoint.Prefix + name, shape, Seed, 0, bits);
            writer.Write(VisionCheckpoint.Prefix + name, MemoryMarshal.AsBytes(bits.AsSpan()).ToArray());
        }
        writer.Finish();
    }
}
