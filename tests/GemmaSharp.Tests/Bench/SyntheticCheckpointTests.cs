using System.Security.Cryptography;
using System.Text.Json;
using GemmaSharp.Checkpoints;
using GemmaSharp.Cli.Bench;
using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Model;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Matrices;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Bench;

public sealed class SyntheticCheckpointTests
{
    const int TinyCSeed = 3;

    [Fact]
    public void Create_TinyCheckpoint_HasReferenceHashesAndNoFindings()
    {
        using var team = new WorkerTeam(2);
        using Checkpoint checkpoint = SyntheticCheckpoint.Create("tiny", Config(), TinyCSeed, team, cancellationToken: TestContext.Current.CancellationToken);
        ModelParts parts = ModelParts.Build(checkpoint.Root, checkpoint.Config);
        Assert.NotNull(parts.Vision);
        Assert.NotNull(parts.Audio);
        Assert.Empty(checkpoint.Report().Findings);

        using JsonDocument list = JsonDocument.Parse(File.ReadAllBytes(GoldenFiles.Find("tiny-c/tensors.json")));
        string[] wrong = [.. checkpoint.Tensors
            .Where(t => list.RootElement.GetProperty(t.Name).GetProperty("sha256").GetString() != Hash(t.Data))
            .Select(t => t.Name)];
        Assert.Empty(wrong);
    }

    [Theory]
    [InlineData(QuantizationMode.Affine, 4, 64)]
    [InlineData(QuantizationMode.Affine, 3, 32)]
    [InlineData(QuantizationMode.Affine, 8, 64)]
    [InlineData(QuantizationMode.MxFp4, 4, 32)]
    [InlineData(QuantizationMode.NvFp4, 4, 16)]
    [InlineData(QuantizationMode.MxFp8, 8, 32)]
    public void Create_Quantised_IsOfThatFormatAndOfTheRulesRange(QuantizationMode mode, int bits, int group)
    {
        using var team = new WorkerTeam(2);
        var format = QuantizationFormat.Create(mode, bits, group);
        using Checkpoint checkpoint = SyntheticCheckpoint.Create(
            "tiny", Config(), TinyCSeed, team, new QuantizationRecipe { Format = format }, cancellationToken: TestContext.Current.CancellationToken);
        ModelParts parts = ModelParts.Build(checkpoint.Root, checkpoint.Config);
        Assert.Empty(checkpoint.Report().Findings);
        WeightMatrix matrix = checkpoint.Root.Embedding("language_model.embed_tokens", 2304, 128).Weight;
        Assert.Equal(format.Name, matrix.FormatName);
        float[] row = new float[128], values = [.. Enumerable.Range(0, 2304).SelectMany(r =>
        {
            matrix.ReadRow(r, row);
            return row.ToArray();
        })];

        // Uniform over ±√(3/n) has the variance 1/n; floating-point codes are not uniform.
        double range = Math.Sqrt(3.0 / 128);
        Assert.All(values, value => Assert.InRange(value, -2.1 * range, 2.1 * range));
        Assert.True(values.Distinct().Count() > (mode == QuantizationMode.MxFp8 ? 120 : (1 << bits) * 0.9));
        Assert.NotNull(parts.Vision);
    }

    [Fact]
    public void Create_Cancelled_Throws()
    {
        using var team = new WorkerTeam(2);
        Assert.Throws<OperationCanceledException>(() => SyntheticCheckpoint.Create("tiny", Config(), TinyCSeed, team, cancellationToken: new CancellationToken(canceled: true)));
    }

    static Gemma3nConfig Config() => Gemma3nConfig.Load(Path.GetDirectoryName(GoldenFiles.Find("tiny-c/files/config.json"))!);

    static string Hash(TensorData data) => Convert.ToHexStringLower(SHA256.HashData(data.Block.Read(data.Offset, checked((int)data.Length))));
}
