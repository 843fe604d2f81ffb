using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Matrices;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Numerics.Tests.Formats;

public class QuantizerTests
{
    public static TheoryData<string> Keys => MlxMatrices.Keys;

    [Theory]
    [MemberData(nameof(Keys))]
    public void QuantizeRow_RoundingCpu_WritesTheBytesOfMlx(string key)
    {
        (_, string source, QuantizationFormat format) = MlxMatrices.Case(key);
        TensorData weights = MlxMatrices.Tensor(source);
        TensorData codes = MlxMatrices.Tensor(key + ".weight"), scales = MlxMatrices.Tensor(key + ".scales");
        TensorData? biases = MlxMatrices.Optional(key + ".biases");
        float[] all = MlxMatrices.Singles(source);
        int columns = (int)weights.Shape[1];
        for (int row = 0; row < weights.Shape[0]; row++)
        {
            ReadOnlySpan<byte> expectedCodes = MlxMatrices.Row(codes, row), expectedScales = MlxMatrices.Row(scales, row);
            ReadOnlySpan<byte> expectedBiases = biases is { } b ? MlxMatrices.Row(b, row) : [];
            byte[] foundCodes = new byte[expectedCodes.Length], foundScales = new byte[expectedScales.Length], foundBiases = new byte[expectedBiases.Length];
            Quantizer.QuantizeRow(
                all.AsSpan(row * columns, columns), weights.Type, format, QuantizationRounding.Cpu, foundCodes, foundScales, foundBiases);
            Assert.Equal(expectedScales, foundScales);
            Assert.Equal(expectedBiases, foundBiases);
            Assert.Equal(expectedCodes, foundCodes);
        }
    }

    [Theory]
    [MemberData(nameof(Keys))]
    public void DequantizeRow_MlxTensors_GivesTheValuesOfMlx(string key)
    {
        (_, string source, QuantizationFormat format) = MlxMatrices.Case(key);
        TensorData codes = MlxMatrices.Tensor(key + ".weight"), scales = MlxMatrices.Tensor(key + ".scales");
        TensorData? biases = MlxMatrices.Optional(key + ".biases");
        float[] expected = MlxMatrices.Singles(key + ".dense");
        int columns = expected.Length / (int)codes.Shape[0];
        QuantizedMatrix matrix = MlxMatrices.Matrix(key);
        float[] found = new float[columns], read = new float[columns];

        // MLX computed the values of float16 scales in float16; every other type in float32.
        bool half = format.HasBiases && scales.Type == ElementType.F16;
        for (int row = 0; row < codes.Shape[0]; row++)
        {
            Quantizer.DequantizeRow(
                MlxMatrices.Row(codes, row), MlxMatrices.Row(scales, row), biases is { } b ? MlxMatrices.Row(b, row) : [], scales.Type, format, found);
            matrix.ReadRow(row, read);
            for (int i = 0; i < columns; i++)
            {
                float mlx = expected[row * columns + i];
                if (half)
                {
                    Assert.True(
                        MathF.Abs(mlx - found[i]) <= MathF.Max(MathF.Abs(mlx), MaxScale(scales, row)) / 512f,
                        $"row {row}, column {i}: {found[i]} for {mlx}");
                }
                else
                {
                    Assert.Equal(BitConverter.SingleToUInt32Bits(mlx), BitConverter.SingleToUInt32Bits(found[i]));
                }

                Assert.Equal(BitConverter.SingleToUInt32Bits(found[i]), BitConverter.SingleToUInt32Bits(read[i]));
            }
        }

        static float MaxScale(TensorData scales, int row)
        {
            float[] values = new float[scales.Shape[1]];
            scales.ToSingles(row * scales.Shape[1], values);
            return values.Max(MathF.Abs) * 255;
        }
    }

    [Theory]
    [MemberData(nameof(Keys))]
    public void QuantizeRow_RoundingMetal_StaysWithinOneStep(string key)
    {
        (_, string source, QuantizationFormat format) = MlxMatrices.Case(key);
        TensorData weights = MlxMatrices.Tensor(source);
        float[] all = MlxMatrices.Singles(source);
        int columns = (int)weights.Shape[1], groups = format.GroupsPerRow(columns), element = format.HasBiases ? 4 : 1;
        byte[] codes = new byte[format.WordsPerRow(columns) * 4], scales = new byte[groups * element], biases = new byte[format.HasBiases ? groups * 4 : 0];
        float[] back = new float[columns];
        for (int row = 0; row < weights.Shape[0]; row++)
        {
            ReadOnlySpan<float> w = all.AsSpan(row * columns, columns);
            Quantizer.QuantizeRow(w, ElementType.F32, format, QuantizationRounding.Metal, codes, scales, biases);
            Quantizer.DequantizeRow(codes, scales, biases, ElementType.F32, format, back);
            for (int g = 0; g < groups; g++)
            {
                ReadOnlySpan<float> group = w.Slice(g * format.GroupSize, format.GroupSize);
                float range = MathF.Max(Max(group), 0) - MathF.Min(Min(group), 0), largest = MathF.Max(MathF.Abs(Max(group)), MathF.Abs(Min(group)));
                float step = format.Mode switch
                {
                    QuantizationMode.Affine => range / ((1 << format.Bits) - 1) * 1.5f,

                    // The scale is the nearest power of two, so that the largest weight may saturate at 1/√2 of itself.
                    QuantizationMode.MxFp8 => largest * 0.3f,
                    QuantizationMode.MxFp4 => largest / 2.5f,

                    // Scales below half of the smallest E4M3 number become zero.
                    _ => largest / 2.5f + 6f / 1024f,
                };
                for (int i = 0; i < group.Length; i++)
                {
                    Assert.True(
                        MathF.Abs(group[i] - back[g * format.GroupSize + i]) <= step + 1e-6f,
                        $"row {row}, group {g}: {back[g * format.GroupSize + i]} for {group[i]}");
                }
            }
        }

        static float Max(ReadOnlySpan<float> x) => x.ToArray().Max();
        static float Min(ReadOnlySpan<float> x) => x.ToArray().Min();
    }

    [Fact]
    public void QuantizeRow_MetalOnNegativeGroup_KeepsZeroInTheRange()
    {
        float[] w = [.. Enumerable.Range(0, 32).Select(i => -1f - i / 32f)];
        QuantizationFormat format = QuantizationFormat.Create(QuantizationMode.Affine, 4, 32);
        byte[] codes = new byte[16], scales = new byte[4], biases = new byte[4];
        Quantizer.QuantizeRow(w, ElementType.F32, format, QuantizationRounding.Metal, codes, scales, biases);
        Assert.Equal(w[31], BitConverter.ToSingle(biases));
        Assert.Equal(-w[31] / 15, BitConverter.ToSingle(scales), 1e-7f);
        Quantizer.QuantizeRow(w, ElementType.F32, format, QuantizationRounding.Cpu, codes, scales, biases);
        Assert.True(BitConverter.ToSingle(scales) < -w[31] / 15);
    }

    [Theory]
    [InlineData(QuantizationMode.MxFp4)]
    [InlineData(QuantizationMode.NvFp4)]
    [InlineData(QuantizationMode.MxFp8)]
    public void QuantizeRow_MetalOnTableValues_IsExact(QuantizationMode mode)
    {
        QuantizationFormat format = QuantizationFormat.Create(mode);
        float[] values = mode == QuantizationMode.MxFp8 ? [448, -448, 0.5f, 3, -7, 224, 15, -0.125f] : [.. MiniFloat.E2M1];
        float[] w = [.. Enumerable.Range(0, 32).Select(i => values[i % values.Length] * 0.25f)];
        byte[] codes = new byte[format.WordsPerRow(32) * 4], scales = new byte[32 / format.GroupSize];
        Quantizer.QuantizeRow(w, ElementType.BF16, format, QuantizationRounding.Metal, codes, scales, []);
        float[] back = new float[32];
        Quantizer.DequantizeRow(codes, scales, [], ElementType.BF16, format, back);
        Assert.Equal(w, back);
    }

    [Fact]
    public void QuantizeRow_UnfitRow_Throws()
    {
        QuantizationFormatException error = Assert.Throws<QuantizationFormatException>(() => Quantizer.QuantizeRow(
            new float[96], ElementType.BF16, QuantizationFormat.Default, QuantizationRounding.Cpu, new byte[48], new byte[4], new byte[4]));
        Assert.Contains("96", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Quantizer.QuantizeRow(
            new float[64], ElementType.BF16, QuantizationFormat.Default, QuantizationRounding.Cpu, new byte[31], new byte[2], new byte[2]));
        Assert.Throws<QuantizationFormatException>(() => Quantizer.QuantizeRow(
            new float[64], ElementType.I32, QuantizationFormat.Default, QuantizationRounding.Cpu, new byte[32], new byte[4], new byte[4]));
    }
}
