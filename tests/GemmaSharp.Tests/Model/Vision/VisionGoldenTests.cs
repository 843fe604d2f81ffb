using GemmaSharp.Checkpoints;
using GemmaSharp.Generation;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Model.Vision;

/// <summary>The tower against the reference's recorded outputs, block by block.</summary>
public sealed class VisionGoldenTests
{
    const double Tolerance = 2e-5;
    const int Side = 256;

    [Theory]
    [InlineData("tiny-a", "goldens", "image", 1)]
    [InlineData("tiny-a", "goldens", "mixed", 2)]
    [InlineData("tiny-c", "goldens", "image", 1)]
    [InlineData("tiny-c", "goldens", "mixed", 2)]
    public void Forward_TinyCheckpoint_MatchesReference(string name, string folder, string golden, int pictures)
    {
        using TinyCheckpoint files = TinyCheckpoint.Create(name);
        AssertMatches(files, $"{name}/{folder}/{golden}", pictures);
    }

    [Fact]
    public void Forward_FirstUploadForm_MatchesReference()
    {
        using TinyCheckpoint files = TinyCheckpoint.CreateFirstUpload();
        AssertMatches(files, "tiny-c/goldens-old-vision/image", 1);
    }

    [Fact]
    public void Forward_MlxLayout_GivesTheSameBits()
    {
        using TinyCheckpoint files = TinyCheckpoint.Create("tiny-c");
        using TinyCheckpoint mlx = TinyCheckpoint.Create("tiny-c", tensors => tensors.Select(t =>
            t.Name.StartsWith("model.vision_tower", StringComparison.Ordinal) && t.Shape.Length == 4 ? TinyCheckpoint.Transpose(t, 0, 2, 3, 1) : t));
        float[] pixels = TestPicture.Formula(Side, Side);
        Assert.Equal(Run(files, pixels, null, null), Run(mlx, pixels, null, null));
    }

    [Fact]
    public void Forward_ForcedKernelOrder_OverridesTheBias()
    {
        static bool IsBias(TinyTensor t) => t.Name.EndsWith("conv_stem.conv.bias", StringComparison.Ordinal);
        static TinyTensor Zero(TinyTensor t) => t with { Bytes = new byte[t.Bytes.Length] };
        static TinyTensor Turn(TinyTensor t) =>
            t.Name.StartsWith("model.vision_tower", StringComparison.Ordinal) && t.Shape is [_, _, > 1, > 1] ? TinyCheckpoint.Transpose(t, 0, 1, 3, 2) : t;
        using TinyCheckpoint newer = TinyCheckpoint.Create("tiny-c", tensors => tensors.Select(t => IsBias(t) ? Zero(t) : t));
        using TinyCheckpoint unbiased = TinyCheckpoint.Create("tiny-c", tensors => tensors.Where(t => !IsBias(t)));
        using TinyCheckpoint turned = TinyCheckpoint.Create("tiny-c", tensors => tensors.Select(t => IsBias(t) ? Zero(t) : Turn(t)));
        float[] pixels = TestPicture.Formula(Side, Side);
        float[] expected = Run(newer, pixels, null, null);
        Assert.Equal(expected, Run(unbiased, pixels, new CheckpointOptions { VisionWeights = VisionWeights.AsIs }, null));
        Assert.Equal(expected, Run(turned, pixels, new CheckpointOptions { VisionWeights = VisionWeights.Transposed }, null));
        Assert.NotEqual(expected, Run(unbiased, pixels, null, null));
        Assert.NotEqual(expected, Run(turned, pixels, null, null));
    }

    static void AssertMatches(TinyCheckpoint files, string goldenPath, int pictures)
    {
        Golden golden = Golden.Load($"{goldenPath}.safetensors");
        List<RecordingTrace> traces = [];
        List<float[]> inputs = [];
        for (int i = 0; i < pictures; i++)
        {
            inputs.Add(TestPicture.FromPng($"{goldenPath}-{i}.png", Side, Side));
            traces.Add(new RecordingTrace());
            Run(files, inputs[i], null, traces[i]);
        }

        golden.AssertClose("input.pixel_values", [.. inputs.SelectMany(p => p)], 1e-7);
        RecordingTrace all = new();
        foreach (string name in traces[0].Names)
        {
            long[] shape = [pictures, .. traces[0].Shape(name)[1..]];
            all.Record(name, shape, 0, [.. traces.SelectMany(t => t[name])]);
        }
        Assert.Equal(golden.Keys.Count(k => k.StartsWith("vision_tower.", StringComparison.Ordinal)), all.Names.Count(golden.Contains));
        golden.AssertClose(all, Tolerance);
    }

    static float[] Run(TinyCheckpoint files, float[] pixels, CheckpointOptions? options, RecordingTrace? trace)
    {
        using VisionCheckpoint checkpoint = VisionCheckpoint.Open(files, options);
        using WorkerTeam team = new(2);
        float[] tokens = new float[checkpoint.Tower.TokensPerImage * checkpoint.Tower.HiddenSize];
        checkpoint.Tower.Forward(pixels, Side, Side, tokens, team, trace);
        return tokens;
    }
}
