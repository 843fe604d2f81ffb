using GemmaSharp.Checkpoints;
using GemmaSharp.Layers;
using GemmaSharp.Model.Vision;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Matrices;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Checkpoints;

public sealed class ParameterScopeTests
{
    [Fact]
    public void Linear_StoredMatrix_HasItsRows()
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create("tiny-c");
        using Checkpoint checkpoint = Checkpoint.Open(tiny.Folder);
        WeightMatrix matrix = checkpoint.Root["language_model"]["layers"][2]["mlp"].Linear("gate_proj", 128, 320).Weight;
        Assert.Equal((320, 128, "bf16"), (matrix.Rows, matrix.Columns, matrix.FormatName));
        Assert.Equal(Values("tiny-c", "model.language_model.layers.2.mlp.gate_proj.weight")[(319 * 128)..], Row(matrix, 319));
    }

    [Fact]
    public void Vector_EveryFloatType_IsReadAsSingles()
    {
        foreach ((ElementType type, Func<float, byte[]> write) in new (ElementType, Func<float, byte[]>)[]
        {
            (ElementType.F64, v => BitConverter.GetBytes((double)v)),
            (ElementType.F32, BitConverter.GetBytes),
            (ElementType.F16, v => BitConverter.GetBytes((Half)v)),
        })
        {
            float[] expected = Values("tiny-c", "model.language_model.norm.weight");
            using TinyCheckpoint tiny = TinyCheckpoint.Create("tiny-c", tensors => tensors.Select(t =>
                t.Name == "model.language_model.norm.weight" ? t with { Type = type, Bytes = [.. expected.SelectMany(write)] } : t));
            using Checkpoint checkpoint = Checkpoint.Open(tiny.Folder);
            Assert.Equal(expected, checkpoint.Root["language_model"].Vector("norm.weight", 128));
        }
    }

    [Fact]
    public void Request_AbsentTensor_GivesAHarmlessStandIn()
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create("tiny-c");
        using Checkpoint checkpoint = Checkpoint.Open(tiny.Folder);
        ParameterScope nowhere = checkpoint.Root["nowhere"];
        Assert.Empty(nowhere.Vector("norm.weight", 7));
        Assert.Empty(nowhere.Tensor("coefs", 4, 4));
        Assert.Empty(nowhere.OptionalVector("bias", 7));
        Assert.Empty(nowhere.DepthwiseConvolution("dw", 4, 3, 3));
        Assert.Empty(nowhere.DepthwiseConvolution1d("dw1", 4, 3));
        WeightMatrix linear = nowhere.Linear("proj", 3, 5).Weight;
        Assert.Equal((5, 3), (linear.Rows, linear.Columns));
        Assert.Throws<InvalidOperationException>(() => linear.ReadRow(0, new float[3]));
        WeightMatrix kernels = nowhere.Convolution("conv", 8, 3, 3, 3);
        Assert.Equal((8, 27), (kernels.Rows, kernels.Columns));
        Assert.Equal(6, checkpoint.Report().Findings.Count(f => f.Kind == FindingKind.Missing));
    }

    [Theory]
    [InlineData("vision_tower", true)]
    [InlineData("vision_tower.timm_model.conv_stem.conv.bias", true)]
    [InlineData("vision", false)]
    [InlineData("language_model.layers.1", true)]
    [InlineData("language_model.layers.6", false)]
    public void Contains_TensorOrModule_IsFound(string name, bool expected)
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create("tiny-c");
        using Checkpoint checkpoint = Checkpoint.Open(tiny.Folder);
        Assert.Equal(expected, checkpoint.Root.Contains(name));
    }

    // Whatever the layout in the file and whichever upload, the values a tower gets are the same.
    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void Convolution_EveryLayoutAndUpload_GivesTheSameKernels(bool mlx, bool firstUpload)
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create("tiny-c", tensors => tensors
            .Where(t => !firstUpload || !t.Name.EndsWith("conv_stem.conv.bias", StringComparison.Ordinal))
            .Select(t => firstUpload && t.Name.Contains("vision_tower", StringComparison.Ordinal) && t.Shape.Length == 4 ? TinyCheckpoint.Transpose(t, 0, 1, 3, 2) : t)
            .Select(t => !mlx ? t : t.Shape.Length switch
            {
                4 => TinyCheckpoint.Transpose(t, 0, 2, 3, 1),
                3 => TinyCheckpoint.Transpose(t, 0, 2, 1),
                _ => t,
            }));
        using Checkpoint checkpoint = Checkpoint.Open(tiny.Folder);
        Assert.Equal(firstUpload, checkpoint.TurnsVisionKernels);
        ParameterScope vision = checkpoint.Root["vision_tower.timm_model"];
        foreach (TinyTensor tensor in TinyCheckpoint.Tensors("tiny-c").Where(t => t.Name.Contains("_tower", StringComparison.Ordinal) && t.Shape.Length >= 3))
        {
            string module = tensor.Name["model.".Length..^".weight".Length];
            float[] values = Singles(tensor);
            (int o, int i, int h, int w) = ((int)tensor.Shape[0], (int)tensor.Shape[1], (int)tensor.Shape[2], (int)tensor.Shape[^1]);
            if (tensor.Shape.Length == 3)
            {
                float[] taps = checkpoint.Root.DepthwiseConvolution1d(module, o, h);
                Assert.Equal(values[h + 1], taps[o + 1]);
                continue;
            }

            if (i == 1 && h > 1)
            {
                float[] taps = checkpoint.Root.DepthwiseConvolution(module, o, h, w);
                Assert.Equal(values[w + 2], taps[(w + 2) * o]);
                Assert.Equal(values[(o - 1) * h * w + 1], taps[o + o - 1]);
            }

            WeightMatrix matrix = checkpoint.Root.Convolution(module, o, i, h, w);
            float[] row = Row(matrix, o - 1);
            for (int y = 0; y < h; y++)
            {
                for (int x = 0; x < w; x++)
                {
                    for (int c = 0; c < i; c++)
                    {
                        Assert.Equal(values[(((o - 1) * i + c) * h + y) * w + x], row[(y * w + x) * i + c]);
                    }
                }
            }
        }

        Assert.DoesNotContain(checkpoint.Report().Findings, f => f.Severity == Severity.Error);
    }

    [Fact]
    public void Open_FirstUploadAsIs_KeepsKernelsAsStored()
    {
        using TinyCheckpoint tiny = TinyCheckpoint.CreateFirstUpload();
        using Checkpoint turned = Checkpoint.Open(tiny.Folder);
        using Checkpoint asIs = Checkpoint.Open(tiny.Folder, new CheckpointOptions { VisionWeights = VisionWeights.AsIs });
        Assert.NotEqual(Kernels(turned), Kernels(asIs));

        static float[] Kernels(Checkpoint checkpoint) => Row(checkpoint.Root.Convolution("vision_tower.timm_model.conv_stem.conv", 8, 3, 3, 3), 0);
    }

    static float[] Row(WeightMatrix matrix, int row)
    {
        float[] values = new float[matrix.Columns];
        matrix.ReadRow(row, values);
        return values;
    }

    static float[] Values(string checkpoint, string tensor) => Singles(TinyCheckpoint.Tensors(checkpoint).Single(t => t.Name == tensor));

    static float[] Singles(TinyTensor tensor) =>
        [.. Enumerable.Range(0, tensor.Bytes.Length / 2).Select(i => BitConverter.UInt32BitsToSingle((uint)BitConverter.ToUInt16(tensor.Bytes, 2 * i) << 16))];
}
