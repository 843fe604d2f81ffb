using System.Runtime.InteropServices;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Matrices;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Numerics.Tests.Matrices;

public class QuantizedMatrixTests
{
    static readonly int[] s_tokens = [1, 2, 3, 4, 5, 7, 8, 11, 33];

    public static TheoryData<string> Formats => RandomQuantized.Names;

    [Theory]
    [MemberData(nameof(Formats))]
    public void Multiply_AloneOrInAnyBatchOnAnyThreads_SameBits(string name)
    {
        QuantizationFormat format = RandomQuantized.Format(name);
        foreach (ProductMode mode in Enum.GetValues<ProductMode>())
        {
            // 300 tokens are more than are quantised at a time.
            foreach ((int rows, int columns, int most) in new[] { (3, 128, 300), (7, 256, 33), (37, 640, 33), (70, 1152, 11) })
            {
                Random random = new(rows);
                QuantizedMatrix matrix = RandomQuantized.Matrix(random, format, rows, columns, mode: mode);
                float[] x = Randoms.Singles(random, most * columns);
                using WorkerTeam alone = new(1);
                float[] single = new float[most * rows];
                for (int t = 0; t < most; t++)
                {
                    matrix.Multiply(x.AsSpan(t * columns, columns), 1, single.AsSpan(t * rows, rows), alone);
                }

                foreach (int threads in new[] { 1, 2, 3 })
                {
                    using WorkerTeam team = new(threads);
                    foreach (int tokens in s_tokens.Append(300).Where(count => count <= most))
                    {
                        float[] y = new float[tokens * rows];
                        matrix.Multiply(x, tokens, y, team);
                        Assert.True(
                            MemoryMarshal.AsBytes(y.AsSpan()).SequenceEqual(MemoryMarshal.AsBytes(single.AsSpan(0, y.Length))),
                            $"{mode}, {rows}×{columns}, {tokens} tokens, {threads} threads");
                    }
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Slice_AnyRectangle_IsThatPartOfTheMatrix(string name)
    {
        QuantizationFormat format = RandomQuantized.Format(name);
        Random random = new(3);
        const int Rows = 9, Columns = 640;
        using WorkerTeam team = new(2);
        float[] values = Randoms.Singles(random, Rows * Columns), whole = new float[Columns];
        foreach ((int firstRow, int rows, int firstColumn, int columns) in new[] { (0, 9, 0, 640), (2, 5, 0, 128), (0, 9, 512, 128), (8, 1, 128, 384) })
        {
            foreach (ProductMode mode in Enum.GetValues<ProductMode>())
            {
                QuantizedMatrix matrix = RandomQuantized.Matrix(values, format, Rows, Columns, mode: mode);
                QuantizedMatrix slice = matrix.Slice(firstRow, rows, firstColumn, columns);
                float[] part = new float[columns], x = Randoms.Singles(random, 5 * columns), y = new float[5 * rows], expected = new float[rows];
                slice.Multiply(x, 5, y, team);
                for (int r = 0; r < rows; r++)
                {
                    matrix.ReadRow(firstRow + r, whole);
                    slice.ReadRow(r, part);
                    Assert.Equal(whole.AsSpan(firstColumn, columns).ToArray(), part);
                }

                QuantizedMatrix again = matrix.Slice(firstRow, rows, 0, Columns).Slice(0, rows, firstColumn, columns);
                again.Multiply(x.AsSpan(0, columns), 1, expected, team);
                Assert.Equal(expected, y.AsSpan(0, rows).ToArray());
            }
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Multiply_TensorsAtTheEndOfAMappedFile_ReadsNotBeyond(string name)
    {
        // The page behind the file does not exist: a read beyond the last row ends the process.
        QuantizationFormat format = RandomQuantized.Format(name);
        const int Rows = 3, Columns = 128;
        int bytes = Rows * format.WordsPerRow(Columns) * 4, total = Environment.SystemPageSize;
        string path = Path.GetTempFileName();
        try
        {
            byte[] content = new byte[total];
            content.AsSpan(total - bytes).Fill(0x35);
            File.WriteAllBytes(path, content);
            using MappedFile file = MappedFile.Open(path);
            ElementType type = format.HasBiases ? ElementType.F32 : ElementType.U8;
            long[] shape = [Rows, format.GroupsPerRow(Columns)];
            QuantizedMatrix Mapped(ProductMode mode) => new(
                new TensorData(file, total - bytes, ElementType.U32, [Rows, format.WordsPerRow(Columns)]),
                new TensorData(file, 0, type, shape), format.HasBiases ? new TensorData(file, 0, type, shape) : null, format, mode);
            using WorkerTeam team = new(1);
            float[] x = new float[Columns], y = new float[Rows], row = new float[Columns];
            foreach (ProductMode mode in Enum.GetValues<ProductMode>())
            {
                Mapped(mode).Multiply(x, 1, y, team);
            }
            Mapped(ProductMode.Exact).ReadRow(Rows - 1, row);
            Assert.All(y, value => Assert.Equal(0f, value));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void StoredBytes_FourBits_CountsCodesScalesAndBiases()
    {
        QuantizedMatrix matrix = RandomQuantized.Matrix(new Random(0), QuantizationFormat.Default, 10, 256);
        Assert.Equal(10 * (128 + 4 * 2 * 2), matrix.StoredBytes);
        Assert.Equal("affine4/64", matrix.FormatName);
    }

    [Fact]
    public void Multiply_InfinityOrNaN_ComesThrough()
    {
        using WorkerTeam team = new(1);
        foreach (QuantizationFormat format in RandomQuantized.Formats)
        {
            foreach (ProductMode mode in Enum.GetValues<ProductMode>())
            {
                QuantizedMatrix matrix = RandomQuantized.Matrix(new Random(0), format, 3, 128, mode: mode);
                foreach (float value in new[] { float.NaN, float.PositiveInfinity })
                {
                    float[] x = Randoms.Singles(new Random(1), 128), y = new float[3];
                    x[77] = value;
                    matrix.Multiply(x, 1, y, team);
                    Assert.All(y, v => Assert.False(float.IsFinite(v), $"{format} {mode}: {v} for {value}"));
                }
            }
        }
    }

    [Fact]
    public void Multiply_Zeros_GivesZero()
    {
        using WorkerTeam team = new(1);
        foreach (QuantizationFormat format in RandomQuantized.Formats)
        {
            foreach (ProductMode mode in Enum.GetValues<ProductMode>())
            {
                float[] y = [1, 1, 1];
                RandomQuantized.Matrix(new Random(0), format, 3, 128, mode: mode).Multiply(new float[128], 1, y, team);
                Assert.Equal([0f, 0f, 0f], y);
            }
        }
    }

    [Fact]
    public void Constructor_TensorsThatDoNotBelongTogether_SaysWhat()
    {
        QuantizationFormat format = QuantizationFormat.Default;
        NativeBlock block = NativeBlock.Allocate(4096);
        TensorData codes = new(block, 0, ElementType.U32, [4, 16]), scales = new(block, 0, ElementType.BF16, [4, 2]);
        Assert.NotNull(new QuantizedMatrix(codes, scales, scales, format));
        Refused("U32", codes with { Type = ElementType.I32 }, scales, scales, format);
        Refused("groups of 64", codes with { Shape = [4, 12] }, scales, scales, format);
        Refused("[4, 2]", codes, scales with { Shape = [4, 4] }, scales, format);
        Refused("[4, 2]", codes, scales, scales with { Shape = [3, 2] }, format);
        Refused("same type", codes, scales, scales with { Type = ElementType.F16 }, format);
        Refused("no biases", codes, scales, null, format);
        Refused("BF16, F16 or F32", codes, scales with { Type = ElementType.U8 }, scales, format);
        Refused("U8", codes, scales, null, QuantizationFormat.Create(QuantizationMode.MxFp4));
        Refused("no whole number of codes", codes with { Shape = [4, 16] }, scales, scales, QuantizationFormat.Create(QuantizationMode.Affine, 3, 64));
        Assert.Throws<ArgumentOutOfRangeException>(() => new QuantizedMatrix(codes with { Offset = 4000 }, scales, scales, format));
        Assert.Throws<QuantizationFormatException>(() => new QuantizedMatrix(codes, scales, scales, format).Slice(0, 4, 32, 64));

        static void Refused(string part, TensorData codes, TensorData scales, TensorData? biases, QuantizationFormat format)
        {
            QuantizationFormatException exception = Assert.Throws<QuantizationFormatException>(() => new QuantizedMatrix(codes, scales, biases, format));
            Assert.Contains(part, exception.Message, StringComparison.Ordinal);
        }
    }
}
