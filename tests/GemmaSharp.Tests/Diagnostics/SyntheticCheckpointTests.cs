using System.Security.Cryptography;
using System.Text.Json;
using GemmaSharp.Checkpoints;
using GemmaSharp.Configuration;
using GemmaSharp.Diagnostics;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Diagnostics;

public sealed class SyntheticCheckpointTests
{
    const int TinyCSeed = 3;

    [Fact]
    public void Create_TinyCheckpoint_HasReferenceHashesAndNoFindings()
    {
        using var team = new WorkerTeam(2);
        using Checkpoint checkpoint = SyntheticCheckpoint.Create("tiny", Config(), TinyCSeed, team, cancellationToken: TestContext.Current.CancellationToken);
        ModelParts parts = ModelParts.Build(checkpoint);
        Assert.NotNull(parts.Vision);
        Assert.NotNull(parts.Audio);
        Assert.Empty(checkpoint.Report().Findings);

        using JsonDocument list = JsonDocument.Parse(File.ReadAllBytes(GoldenFiles.Find("tiny-c/tensors.json")));
        string[] wrong = [.. checkpoint.Tensors
            .Where(t => list.RootElement.GetProperty(t.Name).GetProperty("sha256").GetString() != Hash(t.Data))
            .Select(t => t.Name)];
        Assert.Empty(wrong);
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
