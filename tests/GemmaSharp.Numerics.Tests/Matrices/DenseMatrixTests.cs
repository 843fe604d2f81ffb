using System.Runtime.InteropServices;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Matrices;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Numerics.Tests.Matrices;

public class DenseMatrixTests
{
    static readonly int[] s_tokens = [1, 2, 3, 4, 5, 6, 7, 8, 9, 33, 65];

    public static TheoryData<ElementType, int> TypesAndThreads { get; } = new MatrixTheoryData<ElementType, int>(
        [ElementType.BF16, ElementType.F16, ElementType.F32], [1, 2, 3]);

    [Theory]
    [MemberData(nameof(TypesAndThreads))]
    public void Multiply_OddSizes_MatchesPlainLoopInDouble(ElementType type, int threads)
    {
        using WorkerTeam team = new(threads);
        foreach ((int rows, int columns) in new[] { (1, 1), (3, 5), (4, 16), (7, 33), (13, 257), (50, 64), (101, 1039), (9, 2500) })
        {
            Random random = new(rows + columns);
            DenseMatrix w = RandomMatrix(random, type, rows, columns);
            float[] row = new float[columns];
            foreach (int tokens in s_tokens)
            {
                float[] x = Randoms.Singles(random, tokens * columns);
                float[] y = new float[tokens * rows];
                w.Multiply(x, tokens, y, team);
                for (int r = 0; r < rows; r++)
                {
                    w.ReadRow(r, row);
                    for (int t = 0; t < tokens; t++)
                    {
                        double expected = 0, scale = 0;
                        for (int c = 0; c < columns; c++)
                        {
                            double term = (double)x[t * columns + c] * row[c];
                            expected += term;
                            scale += Math.Abs(term);
                        }
                        Assert.True(
                            Math.Abs(y[t * rows + r] - expected) <= 2e-6 * scale,
                            $"{rows}×{columns}, token {t} of {tokens}, row {r}: {y[t * rows + r]} for {expected}");
                    }
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(TypesAndThreads))]
    public void Multiply_AloneOrInAnyBatch_SameBits(ElementType type, int threads)
    {
        using WorkerTeam team = new(threads);
        using WorkerTeam alone = new(1);
        foreach ((int rows, int columns) in new[] { (7, 33), (101, 1039), (64, 2048), (11, 5000), (6, 17_000) })
        {
            Random random = new(rows + columns);
            DenseMatrix w = RandomMatrix(random, type, rows, columns);
            float[] x = Randoms.Singles(random, 140 * columns);
            float[] single = new float[140 * rows];
            for (int t = 0; t < 140; t++)
            {
                w.Multiply(x.AsSpan(t * columns, columns), 1, single.AsSpan(t * rows, rows), alone);
            }
            foreach (int tokens in s_tokens.Append(140))
            {
                float[] y = new float[tokens * rows];
                w.Multiply(x, tokens, y, team);
                Assert.True(
                    MemoryMarshal.AsBytes(y.AsSpan()).SequenceEqual(MemoryMarshal.AsBytes(single.AsSpan(0, y.Length))),
                    $"{rows}×{columns}, {tokens} tokens");
            }
        }
    }

    [Theory]
    [MemberData(nameof(TypesAndThreads))]
    public void Slice_AnyRectangle_HasTheBitsOfThatPartStoredAlone(ElementType type, int threads)
    {
        using WorkerTeam team = new(threads);
        const int Rows = 37, Columns = 1280;
        DenseMatrix whole = RandomMatrix(new Random(5), type, Rows, Columns);
        float[] values = new float[Rows * Columns];
        for (int r = 0; r < Rows; r++)
        {
            whole.ReadRow(r, values.AsSpan(r * Columns, Columns));
        }

        foreach ((int firstRow, int rows, int firstColumn, int columns) in new[]
        {
            (0, 37, 0, 1280), (0, 20, 0, 1280), (5, 32, 0, 640), (0, 37, 3, 777), (36, 1, 1279, 1), (4, 0, 0, 8), (4, 3, 8, 0),
        })
        {
            float[] part = [.. Enumerable.Range(firstRow, rows).SelectMany(r => values.AsSpan(r * Columns + firstColumn, columns).ToArray())];
            DenseMatrix alone = Stored(part, type, rows, columns), slice = whole.Slice(0, Rows, firstColumn, columns).Slice(firstRow, rows, 0, columns);
            Assert.Equal(alone.StoredBytes, slice.StoredBytes);
            float[] row = new float[columns], same = new float[columns];
            for (int r = 0; r < rows; r++)
            {
                alone.ReadRow(r, same);
                slice.ReadRow(r, row);
                Assert.Equal(same, row);
            }

            foreach (int tokens in s_tokens)
            {
                float[] x = Randoms.Singles(new Random(tokens), tokens * columns), expected = new float[tokens * rows], y = new float[tokens * rows];
                alone.Multiply(x, tokens, expected, team);
                slice.Multiply(x, tokens, y, team);
                Assert.Equal(expected, y);
            }
        }
    }

    [Fact]
    public void Slice_OutsideTheMatrix_Throws()
    {
        DenseMatrix w = DenseMatrix.FromSingles(new float[12], 3, 4);
        Assert.Throws<ArgumentOutOfRangeException>(() => w.Slice(1, 3, 0, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => w.Slice(0, 3, 1, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => w.Slice(-1, 1, 0, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => w.Slice(0, -1, 0, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => w.Slice(0, 1, -1, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => w.Slice(0, 1, 0, -4));
        Assert.Throws<ArgumentOutOfRangeException>(() => w.Slice(int.MaxValue, 1, 0, 1));
    }

    [Fact]
    public void Multiply_ShortDestination_Throws()
    {
        using WorkerTeam team = new(1);
        DenseMatrix w = DenseMatrix.FromSingles(new float[12], 3, 4);
        Assert.Throws<ArgumentException>(() => w.Multiply(new float[8], 2, new float[5], team));
        Assert.Throws<ArgumentException>(() => w.Multiply(new float[7], 2, new float[6], team));
    }

    [Fact]
    public void Constructor_IntegerTensor_Throws()
    {
        NativeBlock block = NativeBlock.Allocate(64);
        Assert.Throws<ArgumentException>(() => new DenseMatrix(new TensorData(block, 0, ElementType.I32, [4, 4])));
    }

    [Theory]
    [InlineData(64, 64)]
    [InlineData(61, 48)]
    [InlineData(40, 77)]
    [InlineData(9, 15)]
    [InlineData(23, 400)]
    public void Multiply_Halves_HasTheBitsOfTheSameSingles(int rows, int columns)
    {
        using WorkerTeam team = new(2);
        Random random = new(rows);
        NativeBlock block = NativeBlock.Allocate(2L * rows * columns);
        float[] values = new float[rows * columns];
        for (int i = 0; i < values.Length; i++)
        {
            // Every exponent, subnormal numbers among them.
            Half half = BitConverter.UInt16BitsToHalf((ushort)((random.Next(2) << 15) | random.Next(31 << 10)));
            values[i] = (float)half;
            Assert.True(BitConverter.TryWriteBytes(block.Write(2L * i, 2), half));
        }

        DenseMatrix halves = new(new TensorData(block, 0, ElementType.F16, [rows, columns])), singles = DenseMatrix.FromSingles(values, rows, columns);
        (int firstRow, int firstColumn) = (3, 5);
        (DenseMatrix Halves, DenseMatrix Singles)[] pairs =
        [
            (halves, singles),
            (halves.Slice(firstRow, rows - firstRow, firstColumn, columns - firstColumn), singles.Slice(firstRow, rows - firstRow, firstColumn, columns - firstColumn)),
        ];
        foreach ((DenseMatrix of, DenseMatrix same) in pairs)
        {
            for (int tokens = 1; tokens <= 26; tokens++)
            {
                float[] x = Randoms.Singles(random, tokens * of.Columns), y = new float[tokens * of.Rows], expected = new float[y.Length];
                of.Multiply(x, tokens, y, team);
                same.Multiply(x, tokens, expected, team);
                Assert.Equal(expected.Select(BitConverter.SingleToInt32Bits), y.Select(BitConverter.SingleToInt32Bits));
            }
        }
    }

    [Fact]
    public void Constructor_BeyondBlock_Throws()
    {
        NativeBlock block = NativeBlock.Allocate(63);
        Assert.Throws<ArgumentOutOfRangeException>(() => new DenseMatrix(new TensorData(block, 0, ElementType.F32, [4, 4])));
    }

    /// <summary>A matrix at an odd address, as files give it.</summary>
    static DenseMatrix RandomMatrix(Random random, ElementType type, int rows, int columns) =>
        Stored(Randoms.Singles(random, rows * columns), type, rows, columns);

    static DenseMatrix Stored(float[] values, ElementType type, int rows, int columns)
    {
        int size = type.SizeInBytes();
        NativeBlock block = NativeBlock.Allocate(1 + (long)values.Length * size);
        Span<byte> bytes = block.Write(1, values.Length * size);
        for (int i = 0; i < values.Length; i++)
        {
            switch (type)
            {
                case ElementType.BF16:
                    BitConverter.TryWriteBytes(bytes[(i * 2)..], BFloat16.FromSingle(values[i]).Bits);
                    break;
                case ElementType.F16:
                    BitConverter.TryWriteBytes(bytes[(i * 2)..], (Half)values[i]);
                    break;
                default:
                    BitConverter.TryWriteBytes(bytes[(i * 4)..], values[i]);
                    break;
            }
        }
        return new(new TensorData(block, 1, type, [rows, columns]));
    }
}
