using System.Runtime.InteropServices;
using GemmaSharp.Checkpoints;
using GemmaSharp.Configuration;
using GemmaSharp.Model.Vision;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Model.Vision;

/// <summary>A checkpoint that holds nothing but a vision tower, and the tower loaded from it.</summary>
sealed class VisionCheckpoint : IDisposable
{
    public const string Prefix = "model.vision_tower.timm_model.";

    readonly TinyCheckpoint? _files;
    readonly Checkpoint _checkpoint;

    VisionCheckpoint(TinyCheckpoint files, bool owned, VisionConfig config, CheckpointOptions? options)
    {
        _files = owned ? files : null;
        _checkpoint = Checkpoint.Open(files.Folder, options);
        Tower = new VisionTower(_checkpoint.Root["vision_tower"], config);
        Assert.DoesNotContain(_checkpoint.Report().Findings, f => f.Severity == Severity.Error && f.Tensor.Contains("vision_tower", StringComparison.Ordinal));
    }

    public VisionTower Tower { get; }

    /// <summary>The tower of a tiny checkpoint, which stays the caller's.</summary>
    public static VisionCheckpoint Open(TinyCheckpoint files, CheckpointOptions? options = null) =>
        new(files, owned: false, Gemma3nConfig.Load(files.Folder).VisionConfig!, options);

    /// <summary>A tower of the given tensors, whose names lack <see cref="Prefix"/>.</summary>
    public static VisionCheckpoint Create(VisionConfig config, IEnumerable<TinyTensor> tensors, CheckpointOptions? options = null)
    {
        TinyCheckpoint files = TinyCheckpoint.CreateEmpty("tiny-c");
        TinyCheckpoint.Write(files.Folder, [.. tensors.Select(t => t with { Name = Prefix + t.Name })]);
        return new(files, owned: true, config, options);
    }

    /// <summary>A float32 tensor.</summary>
    public static TinyTensor Single(string name, long[] shape, float[] values) =>
        new(name, ElementType.F32, shape, MemoryMarshal.AsBytes(values.AsSpan()).ToArray());

    /// <summary>The tensors as the plain tower reads them.</summary>
    public static Dictionary<string, (long[] Shape, double[] Values)> Plain(IEnumerable<TinyTensor> tensors) =>
        tensors.ToDictionary(t => t.Name.Replace(Prefix, "", StringComparison.Ordinal), t => (t.Shape, Values(t)));

    /// <summary>The list of tensors that a config's tower asks for, as an empty checkpoint's report names them.</summary>
    public static List<(string Name, long[] Shape)> Declarations(VisionConfig config)
    {
        using TinyCheckpoint files = TinyCheckpoint.CreateEmpty("tiny-c");
        TinyCheckpoint.Write(files.Folder, [Single("model.language_model.norm.weight", [1], [1f])]);
        using Checkpoint checkpoint = Checkpoint.Open(files.Folder);
        _ = new VisionTower(checkpoint.Root["vision_tower"], config);
        return [.. checkpoint.Report().Findings
            .Where(f => f.Kind == FindingKind.Missing)
            .Select(f => (TensorNames.HuggingFace(f.Tensor), Shape: f.ExpectedShape!.ToArray()))
            .Where(d => d.Item1.StartsWith(Prefix, StringComparison.Ordinal))
            .Select(d => (d.Item1[Prefix.Length..], d.Shape))
            .Append(("conv_stem.conv.bias", [new VisionNetwork(config).StemChannels]))];
    }

    /// <summary>Tensors of the tower a config asks for, by the weight rule.</summary>
    public static List<TinyTensor> ByRule(VisionConfig config, int seed) =>
        [.. Declarations(config).Select(d => TinyCheckpoint.Rule(Prefix + d.Name, d.Shape, seed) with { Name = d.Name })];

    public void Dispose()
    {
        _checkpoint.Dispose();
        _files?.Dispose();
    }

    static double[] Values(TinyTensor tensor) => tensor.Type == ElementType.F32
        ? [.. MemoryMarshal.Cast<byte, float>(tensor.Bytes).ToArray().Select(v => (double)v)]
        : [.. MemoryMarshal.Cast<byte, ushort>(tensor.Bytes).ToArray().Select(v => (double)BitConverter.UInt32BitsToSingle((uint)v << 16))];
}
