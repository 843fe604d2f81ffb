using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Matrices;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Numerics.Tests;

/// <summary>Quantised matrices of seeded weights.</summary>
internal static class RandomQuantized
{
    /// <summary>Every format MLX can write.</summary>
    public static IReadOnlyList<QuantizationFormat> Formats { get; } =
    [
        .. from bits in new[] { 2, 3, 4, 5, 6, 8 } from size in new[] { 32, 64, 128 } select QuantizationFormat.Create(QuantizationMode.Affine, bits, size),
        QuantizationFormat.Create(QuantizationMode.MxFp4),
        QuantizationFormat.Create(QuantizationMode.NvFp4),
        QuantizationFormat.Create(QuantizationMode.MxFp8),
    ];

    public static TheoryData<string> Names => [.. Formats.Select(x => x.Name)];

    public static QuantizationFormat Format(string name) => Formats.Single(x => x.Name == name);

    /// <summary>A matrix whose tensors end where their block ends.</summary>
    public static QuantizedMatrix Matrix(
        Random random, QuantizationFormat format, int rows, int columns, ElementType type = ElementType.BF16, ProductMode mode = ProductMode.Exact) =>
        Matrix(Randoms.Singles(random, rows * columns), format, rows, columns, type, mode);

    /// <summary>The quantised form of given values.</summary>
    public static QuantizedMatrix Matrix(
        float[] values, QuantizationFormat format, int rows, int columns, ElementType type = ElementType.BF16, ProductMode mode = ProductMode.Exact)
    {
        int words = format.WordsPerRow(columns), groups = format.GroupsPerRow(columns);
        int codeBytes = words * 4, scaleBytes = groups * (format.HasBiases ? type.SizeInBytes() : 1), biasBytes = format.HasBiases ? scaleBytes : 0;
        NativeBlock codes = NativeBlock.Allocate(1 + (long)rows * codeBytes);
        NativeBlock scales = NativeBlock.Allocate(1 + (long)rows * scaleBytes), biases = NativeBlock.Allocate(1 + (long)rows * biasBytes);
        for (int row = 0; row < rows; row++)
        {
            Quantizer.QuantizeRow(
                values.AsSpan(row * columns, columns), type, format, QuantizationRounding.Metal, codes.Write(1 + row * codeBytes, codeBytes),
                scales.Write(1 + row * scaleBytes, scaleBytes), biases.Write(1 + row * biasBytes, biasBytes));
        }

        ElementType scaleType = format.HasBiases ? type : ElementType.U8;
        return new QuantizedMatrix(
            new TensorData(codes, 1, ElementType.U32, [rows, words]),
            new TensorData(scales, 1, scaleType, [rows, groups]),
            format.HasBiases ? new TensorData(biases, 1, scaleType, [rows, groups]) : null,
            format,
            mode);
    }
}
