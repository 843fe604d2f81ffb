using System.Runtime.Intrinsics.X86;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Matrices;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Tests.Kernels;

public class QuantizedProductTests
{
    static readonly string[] s_widths = [nameof(F32x16), nameof(F32x8), nameof(F32x4), nameof(F32x1)];

    public static TheoryData<string, string> FormatsAndWidths =>
        new MatrixTheoryData<string, string>([.. RandomQuantized.Formats.Select(x => x.Name)], s_widths);

    public static TheoryData<string, string> ProductsAndWidths => new MatrixTheoryData<string, string>([.. MlxMatrices.ProductKeys], s_widths);

    [Theory]
    [MemberData(nameof(ProductsAndWidths))]
    public void Exact_MlxMatrix_MatchesMlxProduct(string key, string width)
    {
        float[] x = MlxMatrices.Singles("normal.x"), expected = MlxMatrices.Singles(key + ".product");
        QuantizedMatrix matrix = MlxMatrices.Matrix(key);
        float[] y = Product(matrix, ProductMode.Exact, width, x, 3);
        float largest = expected.Max(MathF.Abs);
        Assert.All(y.Zip(expected), pair => Assert.True(MathF.Abs(pair.First - pair.Second) <= 1e-5f * largest, $"{pair.First} for {pair.Second}"));
    }

    [Theory]
    [MemberData(nameof(FormatsAndWidths))]
    public void Exact_EveryColumnCount_MatchesPlainLoopInDouble(string name, string width)
    {
        QuantizationFormat format = RandomQuantized.Format(name);
        foreach (ElementType type in new[] { ElementType.BF16, ElementType.F16, ElementType.F32 })
        {
            foreach (int columns in Columns(format).Where(columns => type == ElementType.BF16 || columns / format.GroupSize % 7 == 3))
            {
                Random random = new(columns);
                QuantizedMatrix matrix = RandomQuantized.Matrix(random, format, 5, columns, type);
                float[] x = Randoms.Singles(random, 4 * columns), y = Product(matrix, ProductMode.Exact, width, x, 4);
                ForEach(matrix, x, 4, (t, r, expected, scale, _) => Assert.True(
                    Math.Abs(y[t * 5 + r] - expected) <= 2e-6 * scale, $"{columns} columns, token {t}, row {r}: {y[t * 5 + r]} for {expected}"));
            }
        }
    }

    [Theory]
    [MemberData(nameof(FormatsAndWidths))]
    public unsafe void DecodeRow_EveryWidth_HasTheBitsOfTheDequantisedRow(string name, string width)
    {
        QuantizationFormat format = RandomQuantized.Format(name);
        foreach (int columns in Columns(format))
        {
            QuantizedMatrix matrix = RandomQuantized.Matrix(new Random(columns), format, 2, columns);
            float[] expected = new float[columns], found = new float[columns];
            matrix.ReadRow(1, expected);
            QuantizedRows rows = matrix.Layout();
            fixed (float* target = found)
            {
                Widths.Run(width, new QuantizedPanels.Kernel(rows, 1, target));
            }

            GC.KeepAlive(matrix);
            Assert.Equal(expected.Select(BitConverter.SingleToInt32Bits), found.Select(BitConverter.SingleToInt32Bits));
        }
    }

    [Theory]
    [MemberData(nameof(FormatsAndWidths))]
    public void Fast_EveryColumnCount_StaysWithinItsBound(string name, string width)
    {
        QuantizationFormat format = RandomQuantized.Format(name);
        if (PackedForm.Of(format, ElementType.BF16) is null)
        {
            return;
        }

        foreach (ElementType type in new[] { ElementType.BF16, ElementType.F16, ElementType.F32 })
        {
            foreach (int columns in Columns(format).Where(columns => type == ElementType.BF16 || columns / format.GroupSize % 7 == 3))
            {
                Random random = new(columns);
                // Rows that end inside a panel, inside a tile of panels, and beyond one.
                int rows = columns % 5 == 0 ? 69 : columns % 3 == 0 ? 32 : 5;
                QuantizedMatrix matrix = RandomQuantized.Matrix(random, format, rows, columns, type);
                float[] x = Randoms.Singles(random, 6 * columns), y = Product(matrix, ProductMode.Fast, width, x, 6);
                ForEach(matrix, x, 6, (t, r, expected, scale, bound) => Assert.True(
                    Math.Abs(y[t * rows + r] - expected) <= bound,
                    $"{columns} columns, token {t}, row {r}: {y[t * rows + r]} for {expected}, bound {bound}"));
            }
        }
    }

    [Theory]
    [MemberData(nameof(FormatsAndWidths))]
    public void Fast_AnyWidth_HasTheBitsOfOneLane(string name, string width)
    {
        QuantizationFormat format = RandomQuantized.Format(name);
        Assert.SkipUnless(Fma.IsSupported, "This machine multiplies and adds in two roundings, or one, by width.");
        if (PackedForm.Of(format, ElementType.BF16) is null)
        {
            return;
        }

        foreach (int columns in Columns(format))
        {
            Random random = new(columns);
            QuantizedMatrix matrix = RandomQuantized.Matrix(random, format, 35, columns);
            float[] x = Randoms.Singles(random, 5 * columns);
            Assert.Equal(
                Product(matrix, ProductMode.Fast, nameof(F32x1), x, 5).Select(BitConverter.SingleToInt32Bits),
                Product(matrix, ProductMode.Fast, width, x, 5).Select(BitConverter.SingleToInt32Bits));
        }
    }

    [Theory]
    [InlineData(QuantizationMode.Affine, 2)]
    [InlineData(QuantizationMode.Affine, 3)]
    [InlineData(QuantizationMode.Affine, 4)]
    [InlineData(QuantizationMode.Affine, 5)]
    [InlineData(QuantizationMode.Affine, 6)]
    [InlineData(QuantizationMode.Affine, 8)]
    public void Fast_LargestCodesAndActivations_DoNotOverflow(QuantizationMode mode, int bits)
    {
        QuantizationFormat format = QuantizationFormat.Create(mode, bits, 128);
        const int Columns = 512;
        NativeBlock codes = NativeBlock.Allocate(format.WordsPerRow(Columns) * 4), scales = NativeBlock.Allocate(64);
        codes.Write(0, (int)codes.Length).Fill(255);
        for (int g = 0; g < 4; g++)
        {
            BitConverter.TryWriteBytes(scales.Write(4 * g, 4), 1f);
        }

        QuantizedMatrix matrix = new(
            new TensorData(codes, 0, ElementType.U32, [1, format.WordsPerRow(Columns)]), new TensorData(scales, 0, ElementType.F32, [1, 4]),
            new TensorData(scales, 32, ElementType.F32, [1, 4]), format);
        foreach (float value in new[] { 1f, -1f })
        {
            float[] x = new float[5 * Columns];
            Array.Fill(x, value);
            foreach (string width in s_widths)
            {
                float expected = value * Columns * ((1 << bits) - 1);
                Assert.All(Product(matrix, ProductMode.Fast, width, x, 5), y => Assert.Equal(expected, y, MathF.Abs(expected) * 1e-6f));
            }
        }
    }

    [Theory]
    [MemberData(nameof(FormatsAndWidths))]
    public void Product_SliceOfAMatrix_HasTheBitsOfThatPartStoredAlone(string name, string width)
    {
        QuantizationFormat format = RandomQuantized.Format(name);
        const int Rows = 11, Columns = 768;
        Random random = new(7);
        float[] values = Randoms.Singles(random, Rows * Columns);
        QuantizedMatrix matrix = RandomQuantized.Matrix(values, format, Rows, Columns);
        foreach ((int firstRow, int rows, int firstColumn, int columns) in new[] { (0, 7, 0, 768), (3, 8, 0, 384), (0, 11, 128, 640), (2, 5, 256, 128) })
        {
            float[] part = [.. Enumerable.Range(firstRow, rows).SelectMany(r => values.AsSpan(r * Columns + firstColumn, columns).ToArray())];
            QuantizedMatrix alone = RandomQuantized.Matrix(part, format, rows, columns), slice = matrix.Slice(firstRow, rows, firstColumn, columns);
            Assert.Equal(alone.StoredBytes, slice.StoredBytes);
            foreach (int tokens in new[] { 1, 2, 5, 13 })
            {
                float[] x = Randoms.Singles(random, tokens * columns);
                Assert.Equal(Product(alone, ProductMode.Exact, width, x, tokens), Product(slice, ProductMode.Exact, width, x, tokens));
                if (PackedForm.Of(format, ElementType.BF16) is not null)
                {
                    Assert.Equal(Product(alone, ProductMode.Fast, width, x, tokens), Product(slice, ProductMode.Fast, width, x, tokens));
                }
            }
        }
    }

    /// <summary>Whole groups, from one to more than two vectors of groups, with every possible tail.</summary>
    static IEnumerable<int> Columns(QuantizationFormat format)
    {
        for (int groups = 1; groups <= 20; groups++)
        {
            int columns = groups * format.GroupSize;
            if (format.Fits(columns))
            {
                yield return columns;
            }
        }

        yield return 37 * Math.Max(format.GroupSize, 32);
    }

    static unsafe float[] Product(QuantizedMatrix matrix, ProductMode mode, string width, float[] x, int tokens)
    {
        float[] y = new float[tokens * matrix.Rows];
        using WorkerTeam team = new(2);
        QuantizedRows rows = matrix.Layout();
        using PackedPanels? panels = mode == ProductMode.Exact ? null
            : PackedPanels.Pack(new QuantizedPackSource(rows, matrix.Rows, PackedForm.Of(matrix.Format, rows.ScaleType)!.Value), team);
        fixed (float* px = x)
        fixed (float* py = y)
        {
            if (panels is null)
            {
                Widths.Run(width, new QuantizedExactProduct.Kernel(rows, matrix.Rows, px, tokens, py, team));
            }
            else
            {
                Widths.RunCodes(width, new PackedProduct.Kernel(panels, px, tokens, py, team));
            }
        }

        GC.KeepAlive(matrix);
        return y;
    }

    /// <summary>
    /// Calls back with the product in double, <c>Σ|w·x|</c>, and the bound of the fast mode. Rounding moves an activation by at most half a
    /// step of its group, <c>max|x| / limit / 2</c>, so the product by <c>Σ_g step_g / 2 · Σ|w|</c>; to this comes float32 rounding of the two sums
    /// <c>Σ s·q·x</c> and <c>Σ b·x</c>, a few units in the last place of their terms.
    /// </summary>
    static void ForEach(QuantizedMatrix matrix, float[] x, int tokens, Action<int, int, double, double, double> check)
    {
        QuantizationFormat format = matrix.Format;
        double limit = format.Bits == 8 ? 32767 : 127;
        float[] row = new float[matrix.Columns];
        for (int r = 0; r < matrix.Rows; r++)
        {
            matrix.ReadRow(r, row);
            for (int t = 0; t < tokens; t++)
            {
                double expected = 0, scale = 0, bound = 0;
                for (int g = 0; g < matrix.Columns; g += format.GroupSize)
                {
                    double most = 0, weights = 0, largest = 0;
                    for (int c = g; c < g + format.GroupSize; c++)
                    {
                        double v = x[t * matrix.Columns + c];
                        expected += v * row[c];
                        scale += Math.Abs(v * row[c]);
                        most = Math.Max(most, Math.Abs(v));
                        weights += Math.Abs(row[c]);
                        largest = Math.Max(largest, Math.Abs(row[c]));
                    }

                    bound += most / limit / 2 * (1 + 1e-5) * weights + 2e-6 * format.GroupSize * largest * most;
                }

                check(t, r, expected, scale, bound);
            }
        }
    }
}
