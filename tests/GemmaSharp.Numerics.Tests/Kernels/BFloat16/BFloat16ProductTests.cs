using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Matrices;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Numerics.Tests.Kernels;

/// <summary>Products of bfloat16 numbers against a plain loop in double over the rounded numbers, for every tile and remainder.</summary>
public sealed class BFloat16ProductTests
{
    const string Missing = "This machine has no products of bfloat16 numbers.";

    /// <summary>Rows and columns that fill panels, tiles of panels and blocks, and such that do not.</summary>
    public static TheoryData<int, int> Shapes => new()
    {
        { 1, 1 }, { 16, 32 }, { 64, 31 }, { 17, 33 }, { 80, 95 }, { 150, 64 }, { 7, 1000 }, { 128, 257 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Products_AllRowCounts_AreThoseOfRoundedNumbers(int outputs, int columns)
    {
        Assert.SkipUnless(ReducedMatrix.IsSupported, Missing);
        const int MostRows = 20;
        using WorkerTeam team = new(2);
        float[] w = Rounded(Randoms.Singles(new Random(outputs), outputs * columns)), x = Randoms.Singles(new Random(columns), MostRows * columns);
        float[] rounded = Rounded(x);
        ReducedMatrix matrix = Prepared(DenseMatrix.FromSingles(w, outputs, columns), team);
        for (int rows = 0; rows <= MostRows; rows++)
        {
            // One more than is written, to see that it is not.
            float[] y = new float[rows * outputs + 1], here = new float[rows * outputs];
            y[^1] = 7;
            matrix.Multiply(x, rows, y, team);
            matrix.MultiplyHere(x, rows, here);
            Assert.Equal(7, y[^1]);
            Assert.Equal(y[..here.Length], here);
            for (int i = 0; i < here.Length; i++)
            {
                (int row, int output) = Math.DivRem(i, outputs);
                double expected = 0, size = 0;
                for (int c = 0; c < columns; c++)
                {
                    double product = (double)rounded[row * columns + c] * w[output * columns + c];
                    expected += product;
                    size += Math.Abs(product);
                }

                // A chain of float32 additions, of which each is off by half a unit at most.
                Assert.True(
                    Math.Abs(here[i] - expected) <= 6e-8 * size * (columns + 2),
                    $"{rows} rows, row {row}, output {output}: {here[i]} instead of {expected}");
            }
        }
    }

    [Fact]
    public void Rows_AmongOthers_HaveTheBitsOfOneAlone()
    {
        Assert.SkipUnless(ReducedMatrix.IsSupported, Missing);

        // More rows than are rounded at a time, and several items of work for each panel.
        const int Rows = 900, Outputs = 70, Columns = 100;
        float[] x = Randoms.Singles(new Random(1), Rows * Columns), w = Rounded(Randoms.Singles(new Random(2), Outputs * Columns));
        foreach (int threads in new[] { 1, 2, 3 })
        {
            using WorkerTeam team = new(threads);
            ReducedMatrix matrix = Prepared(DenseMatrix.FromSingles(w, Outputs, Columns), team);
            float[] together = new float[Rows * Outputs], alone = new float[Outputs];
            matrix.Multiply(x, Rows, together, team);
            for (int row = 0; row < Rows; row++)
            {
                matrix.Multiply(x.AsSpan(row * Columns, Columns), 1, alone, team);
                Assert.Equal(alone.Select(BitConverter.SingleToInt32Bits), together.Skip(row * Outputs).Take(Outputs).Select(BitConverter.SingleToInt32Bits));
            }
        }
    }

    [Fact]
    public void Weight_NotBFloat16_IsNotRounded()
    {
        using WorkerTeam team = new(2);
        float[] w = Rounded(Randoms.Singles(new Random(3), 40 * 50)), x = Randoms.Singles(new Random(4), 9 * 50), y = new float[9 * 40];
        w[777] = 1.0001f;
        DenseMatrix stored = DenseMatrix.FromSingles(w, 40, 50);
        ReducedMatrix matrix = new(stored);
        matrix.Prepare(team);
        float[] expected = new float[y.Length];
        stored.Multiply(x, 9, expected, team);
        matrix.Multiply(x, 9, y, team);
        Assert.Equal(expected, y);
        Assert.Equal(0, matrix.PackedBytes);
    }

    [Theory]
    [InlineData(ElementType.BF16)]
    [InlineData(ElementType.F16)]
    [InlineData(ElementType.F32)]
    public void Weights_OfAnyType_ArePackedWhereTheyAreBFloat16(ElementType type)
    {
        Assert.SkipUnless(ReducedMatrix.IsSupported, Missing);
        const int Outputs = 33, Columns = 40, Rows = 7;
        using WorkerTeam team = new(2);

        // Numbers that all three types have.
        float[] w = [.. Enumerable.Range(0, Outputs * Columns).Select(i => ((i * 37 % 255) - 127) / 64f)], x = Randoms.Singles(new Random(5), Rows * Columns);
        NativeBlock block = NativeBlock.Allocate((long)w.Length * type.SizeInBytes());
        for (int i = 0; i < w.Length; i++)
        {
            Span<byte> place = block.Write((long)i * type.SizeInBytes(), type.SizeInBytes());
            Assert.True(type switch
            {
                ElementType.BF16 => BitConverter.TryWriteBytes(place, BFloat16.FromSingle(w[i]).Bits),
                ElementType.F16 => BitConverter.TryWriteBytes(place, (Half)w[i]),
                _ => BitConverter.TryWriteBytes(place, w[i]),
            });
        }

        ReducedMatrix matrix = Prepared(new DenseMatrix(new TensorData(block, 0, type, [Outputs, Columns])), team);
        ReducedMatrix same = Prepared(DenseMatrix.FromSingles(w, Outputs, Columns), team);
        float[] y = new float[Rows * Outputs], expected = new float[y.Length];
        matrix.Multiply(x, Rows, y, team);
        same.Multiply(x, Rows, expected, team);
        Assert.Equal(expected, y);
        Assert.Equal(BFloat16Layout.BytesOf(Outputs, Columns), matrix.PackedBytes);
        matrix.ReleaseProducts();
        Assert.Equal(0, matrix.PackedBytes);
        matrix.Prepare(team);
        matrix.Multiply(x, Rows, y, team);
        Assert.Equal(expected, y);
    }

    [Fact]
    public void NotANumber_AndInfinities_ArePassedOn()
    {
        Assert.SkipUnless(ReducedMatrix.IsSupported, Missing);
        const int Columns = 35;
        using WorkerTeam team = new(1);
        ReducedMatrix matrix = Prepared(DenseMatrix.FromSingles([.. Enumerable.Repeat(1f, Columns)], 1, Columns), team);
        foreach (float value in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.MaxValue })
        {
            float[] x = new float[Columns], y = new float[1];
            x[^1] = value;
            matrix.MultiplyHere(x, 1, y);

            // The largest float32 is nearest to an infinite bfloat16.
            Assert.Equal(value == float.MaxValue ? float.PositiveInfinity : value, y[0]);
        }
    }

    [Fact]
    public unsafe void Activations_OfEitherOrder_ArePackedAsWeightsAre()
    {
        Assert.SkipUnless(ReducedMatrix.IsSupported, Missing);
        const int Outputs = 37, Columns = 70, Rows = 11;
        float[] w = Randoms.Singles(new Random(6), Outputs * Columns), x = Randoms.Singles(new Random(7), Rows * Columns), expected = new float[Rows * Outputs];
        float[] turned = [.. Enumerable.Range(0, w.Length).Select(i => w[(i % Outputs * Columns) + (i / Outputs)])];
        using WorkerTeam team = new(2);
        Prepared(DenseMatrix.FromSingles(Rounded(w), Outputs, Columns), team).MultiplyHere(x, Rows, expected);
        using Arena arena = new();
        float[] y = new float[expected.Length];
        BFloat16Product.Multiply(x, Rows, BFloat16Layout.Of(w, Outputs, Columns, arena.Take(BFloat16Layout.FloatsOf(Outputs, Columns))), y, null);
        Assert.Equal(expected, y);
        Array.Clear(y);
        BFloat16Product.Multiply(x, Rows, BFloat16Layout.OfTransposed(turned, Outputs, Columns, arena.Take(BFloat16Layout.FloatsOf(Outputs, Columns))), y, null);
        Assert.Equal(expected, y);
    }

    [Fact]
    public void SpansTooShort_AreRefused()
    {
        using WorkerTeam team = new(1);
        ReducedMatrix matrix = new(DenseMatrix.FromSingles(new float[6], 2, 3));
        Assert.Throws<ArgumentException>("x", () => matrix.Multiply(new float[5], 2, new float[4], team));
        Assert.Throws<ArgumentException>("y", () => matrix.MultiplyHere(new float[6], 2, new float[3]));
    }

    static ReducedMatrix Prepared(DenseMatrix stored, WorkerTeam team)
    {
        ReducedMatrix matrix = new(stored);
        matrix.Prepare(team);
        return matrix;
    }

    static float[] Rounded(float[] values) => [.. values.Select(value => BFloat16.FromSingle(value).ToSingle())];
}
