using System.Runtime.InteropServices;
using GemmaSharp.Checkpoints;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Conversion.Comparison;

public sealed class CheckpointComparisonTests
{
    const string Query = "language_model.layers.3.self_attn.q_proj.weight";
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void Compare_SameCheckpoint_IsExact()
    {
        using TinyCheckpoint a = TinyCheckpoint.Create("tiny-a"), b = TinyCheckpoint.Create("tiny-a");
        CheckpointComparison comparison = Compare(a.Folder, b.Folder);
        Assert.True(comparison.Agrees);
        Assert.Equal(comparison.Parameters.Count, comparison.Count(ParameterAgreement.Exact));
        Assert.Equal(TinyCheckpoint.Tensors("tiny-a").Count, comparison.Parameters.Count);
    }

    [Fact]
    public void Compare_OneBitFlipped_IsFoundWithItsPlace()
    {
        using TinyCheckpoint a = TinyCheckpoint.Create("tiny-c", t => t.Select(x => x.Name == "model." + Query ? Flipped(x, 2 * 1000) : x)), b = TinyCheckpoint.Create("tiny-c");
        CheckpointComparison comparison = Compare(a.Folder, b.Folder);
        Assert.False(comparison.Agrees);
        ParameterDifference worst = comparison.Parameters[0];
        Assert.Equal((Query, ParameterAgreement.Different, 1000L), (worst.Name, worst.Agreement, worst.WorstIndex));
        Assert.Equal(1, comparison.Count(ParameterAgreement.Different));
        Assert.InRange(worst.Relative, double.Epsilon, 0.01);
        Assert.True(Compare(a.Folder, b.Folder, new() { Tolerance = 0.01 }).Agrees);
        Assert.True(Compare(a.Folder, b.Folder, new() { Only = ["language_model.layers.2", "vision_tower.*"] }).Agrees);
        Assert.Equal(Query, Assert.Single(Compare(a.Folder, b.Folder, new() { Only = [Query] }).Parameters).Name);
    }

    [Fact]
    public void Compare_CodeBitFlipped_IsFound()
    {
        using var folder = new TempFolder();
        MlxCheckpoints.Convert("lm-affine-3-64", folder["a"]);
        MlxCheckpoints.Convert("lm-affine-3-64", folder["b"]);
        string path = Path.Combine(folder["a"], "model.safetensors");
        using (SafetensorsFile file = SafetensorsFile.Open(path))
        {
            Assert.True(file.TryGet("model." + Query, out TensorEntry? entry));
            byte[] bytes = File.ReadAllBytes(path);
            bytes[entry!.Offset] ^= 4;
            file.Dispose();
            File.WriteAllBytes(path, bytes);
        }

        ParameterDifference worst = Compare(folder["a"], folder["b"]).Parameters[0];
        Assert.Equal((Query, ParameterAgreement.Different, 0L), (worst.Name, worst.Agreement, worst.WorstIndex));
    }

    [Theory]
    [InlineData("tiny-a")]
    [InlineData("tiny-b")]
    [InlineData("tiny-c")]
    public void Compare_OtherLayout_IsExact(string name)
    {
        using TinyCheckpoint a = TinyCheckpoint.Create(name);
        using var folder = new TempFolder();
        CheckpointConverter.Convert(a.Folder, folder["mlx"], new ConversionOptions { Layout = CheckpointLayout.MlxVlm }, cancellationToken: Cancellation);
        CheckpointComparison comparison = Compare(a.Folder, folder["mlx"]);
        Assert.True(comparison.Agrees);
        Assert.Equal(comparison.Parameters.Count, comparison.Count(ParameterAgreement.Exact));
        Assert.NotEqual(comparison.Parameters[0].First!.StoredName, comparison.Parameters[0].Other!.StoredName);
    }

    [Fact]
    public void Compare_FirstUploadWithItsRepair_IsExactButForTheBiasNobodyNeeds()
    {
        using TinyCheckpoint a = TinyCheckpoint.CreateFirstUpload();
        using var folder = new TempFolder();
        CheckpointConverter.Convert(a.Folder, folder["repaired"], new ConversionOptions { RepairVision = true }, cancellationToken: Cancellation);
        CheckpointComparison comparison = Compare(a.Folder, folder["repaired"]);
        Assert.True(comparison.Agrees);
        ParameterDifference other = Assert.Single(comparison.Parameters, p => p.Agreement != ParameterAgreement.Exact);
        Assert.Equal(("vision_tower.timm_model.conv_stem.conv.bias", ParameterAgreement.OnlyInOther), (other.Name, other.Agreement));
    }

    [Theory]
    [InlineData("mlx-4bit")]
    [InlineData("mlx-mixed")]
    [InlineData("lm-affine-6-64")]
    [InlineData("lm-nvfp4-4-16")]
    [InlineData("lm-mxfp8-8-32")]
    public void Compare_QuantisedWithDense_HasTheErrorOfAPlainLoop(string name)
    {
        using TinyCheckpoint dense = TinyCheckpoint.Create("tiny-c");
        using var folder = new TempFolder();
        MlxCheckpoints.Convert(name, folder["q"]);
        CheckpointComparison comparison = Compare(folder["q"], dense.Folder, new() { Only = ["language_model"], Tolerance = 0.5 });
        Assert.True(comparison.Agrees);
        ParameterDifference query = Assert.Single(comparison.Parameters, p => p.Name == Query);
        Assert.Equal((ParameterAgreement.Close, "bf16"), (query.Agreement, query.Other!.Format));

        (double relative, double rms) = PlainLoop(folder["q"], QuantizationFormatOf(query.First!.Format));
        Assert.Equal(relative, query.Relative, 1e-12);
        Assert.Equal(rms, query.RootMeanSquare, 1e-12);
        Assert.False(Compare(folder["q"], dense.Folder, new() { Only = [Query], Tolerance = relative * 0.99 }).Agrees);
    }

    [Fact]
    public void Compare_AnotherModel_TellsShapesAndWhatIsMissing()
    {
        using TinyCheckpoint a = TinyCheckpoint.Create("tiny-a"), b = TinyCheckpoint.Create("tiny-b");
        CheckpointComparison comparison = Compare(a.Folder, b.Folder);
        Assert.False(comparison.Agrees);
        Assert.True(comparison.Count(ParameterAgreement.OtherShape) > 50);
        Assert.Contains(comparison.Parameters, p => p.Agreement == ParameterAgreement.OnlyInOther && p.Name.StartsWith("language_model.layers.11.", StringComparison.Ordinal) && !p.Agrees);
        Assert.Contains(comparison.Parameters, p => p.Agreement == ParameterAgreement.OnlyInFirst && p.Name.StartsWith("vision_tower.", StringComparison.Ordinal) && !p.Agrees);
    }

    [Fact]
    public void Compare_NaNOnOneSide_Differs()
    {
        using TinyCheckpoint b = TinyCheckpoint.Create("tiny-c");
        using TinyCheckpoint a = TinyCheckpoint.Create("tiny-c", t => t.Select(x =>
        {
            byte[] bytes = [.. x.Bytes];
            if (x.Name == "model." + Query)
            {
                (bytes[14], bytes[15]) = (0xC0, 0x7F);
            }

            return x with { Bytes = bytes };
        }));
        ParameterDifference worst = Compare(a.Folder, b.Folder, new() { Tolerance = 1e9 }).Parameters[0];
        Assert.Equal((Query, ParameterAgreement.Different, double.PositiveInfinity, 7L), (worst.Name, worst.Agreement, worst.Relative, worst.WorstIndex));
    }

    static CheckpointComparison Compare(string a, string b, CheckpointComparisonOptions? options = null) => CheckpointComparison.Compare(a, b, options, null, Cancellation);

    static TinyTensor Flipped(TinyTensor tensor, int at)
    {
        byte[] bytes = [.. tensor.Bytes];
        bytes[at] ^= 1;
        return tensor with { Bytes = bytes };
    }

    static QuantizationFormat QuantizationFormatOf(string name)
    {
        string[] parts = name.Split('/');
        int group = int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture);
        return parts[0].StartsWith("affine", StringComparison.Ordinal)
            ? QuantizationFormat.Create(QuantizationMode.Affine, parts[0][^1] - '0', group)
            : QuantizationFormat.Create(QuantizationFormat.TryParseMode(parts[0], out QuantizationMode mode) ? mode : default);
    }

    // Every bit of every code by the definition of the stream, in double precision.
    static (double Relative, double Rms) PlainLoop(string folder, QuantizationFormat format)
    {
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(folder, "model.safetensors"));
        string stored = file.Entries.Single(e => TensorNames.Canonical(e.Name) == Query).Name, module = stored[..^".weight".Length];
        byte[] codes = Bytes(stored), scales = Bytes(module + ".scales");
        float[] biases = format.HasBiases ? Singles(module + ".biases") : [], affine = format.HasBiases ? Singles(module + ".scales") : [];
        ReadOnlySpan<ushort> dense = MemoryMarshal.Cast<byte, ushort>(TinyCheckpoint.Tensors("tiny-c").Single(t => t.Name == "model." + Query).Bytes);
        double difference = 0, largest = 0, squares = 0, squaresOfB = 0;
        for (int i = 0; i < dense.Length; i++)
        {
            int code = 0;
            for (int bit = 0; bit < format.Bits; bit++)
            {
                long at = (long)i * format.Bits + bit;
                code |= ((codes[at / 8] >> (int)(at % 8)) & 1) << bit;
            }

            int group = i / format.GroupSize;
            double a = format.HasBiases ? (float)(affine[group] * code + biases[group]) : Scale(scales[group], format.Mode) * Number(code, format.Bits);
            double b = BitConverter.UInt32BitsToSingle((uint)dense[i] << 16);
            difference = Math.Max(difference, Math.Abs(a - b));
            largest = Math.Max(largest, Math.Abs(b));
            squares += (a - b) * (a - b);
            squaresOfB += b * b;
        }

        return (difference / largest, Math.Sqrt(squares / squaresOfB));

        byte[] Bytes(string name)
        {
            TensorData data = file.Tensor(name);
            return data.Block.Read(data.Offset, (int)data.Length).ToArray();
        }

        float[] Singles(string name)
        {
            float[] values = new float[file.Tensor(name).ElementCount];
            file.Tensor(name).ToSingles(values);
            return values;
        }
    }

    static double Scale(byte scale, QuantizationMode mode) => mode == QuantizationMode.NvFp4 ? Number(scale, 8) : Math.Pow(2, scale - 127);

    static double Number(int code, int bits)
    {
        if (bits == 4)
        {
            return (code >= 8 ? -1 : 1) * new[] { 0, 0.5, 1, 1.5, 2, 3, 4, 6 }[code & 7];
        }

        int exponent = (code >> 3) & 15, mantissa = code & 7;
        return (code >= 128 ? -1 : 1) * (exponent == 0 ? mantissa / 512.0 : Math.Pow(2, exponent - 7) * (1 + (mantissa / 8.0)));
    }
}
