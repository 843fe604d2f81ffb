using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Matrices;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Numerics.Tests.Matrices;

/// <summary>Matrices put together from parts of others, against the same matrix in one piece.</summary>
public class MatrixPartsTests
{
    static readonly int[] s_tokens = [0, 1, 2, 7, 40];

    [Fact]
    public void Stacked_PartsOfOneMatrix_HasItsBits()
    {
        Random random = new(1);
        const int Rows = 90, Columns = 130;
        float[] values = Randoms.Singles(random, Rows * Columns);
        DenseMatrix whole = DenseMatrix.FromSingles(values, Rows, Columns);
        StackedMatrix stack = new(whole.Slice(0, 20, 0, Columns), new StackedMatrix(whole.Slice(40, 1, 0, Columns), whole.Slice(41, 49, 0, Columns)));
        DenseMatrix expected = DenseMatrix.FromSingles([.. values[..(20 * Columns)], .. values[(40 * Columns)..]], 70, Columns);
        Compare(expected, stack, random);
    }

    [Theory]
    [InlineData(nameof(ProductMode.Exact))]
    [InlineData(nameof(ProductMode.Fast))]
    public void Stacked_PartsOfAQuantisedMatrix_HasItsBits(string product)
    {
        ProductMode mode = Enum.Parse<ProductMode>(product);
        Random random = new(2);
        const int Rows = 30, Columns = 256;
        float[] values = Randoms.Singles(random, Rows * Columns);
        QuantizedMatrix whole = RandomQuantized.Matrix(values, QuantizationFormat.Default, Rows, Columns, mode: mode);
        StackedMatrix stack = new(whole.Slice(0, 7, 0, Columns), whole.Slice(12, 18, 0, Columns));
        float[] stacked = [.. values[..(7 * Columns)], .. values[(12 * Columns)..]];
        Compare(RandomQuantized.Matrix(stacked, QuantizationFormat.Default, 25, Columns, mode: mode), stack, random);
    }

    [Fact]
    public void Stacked_MoreTokensThanFitTheScratch_HasTheBitsOfOneMatrix()
    {
        // Results of a part wait in 4 MiB: 3 · 400,000 floats are more.
        Random random = new(3);
        const int Rows = 400_000, Columns = 1, Tokens = 7;
        float[] values = Randoms.Singles(random, Rows + 1), x = Randoms.Singles(random, Tokens);
        float[] expected = new float[Tokens * (Rows + 1)], y = new float[Tokens * (Rows + 1)];
        DenseMatrix whole = DenseMatrix.FromSingles(values, Rows + 1, Columns);
        using WorkerTeam team = new(2);
        whole.Multiply(x, Tokens, expected, team);
        new StackedMatrix(whole.Slice(0, Rows, 0, 1), whole.Slice(Rows, 1, 0, 1)).Multiply(x, Tokens, y, team);
        Assert.Equal(expected, y);
    }

    [Fact]
    public void Joined_PartsOfOneMatrix_HasItsBits()
    {
        Random random = new(4);
        const int Rows = 300, Columns = 1200;
        float[] values = Randoms.Singles(random, Rows * Columns);
        DenseMatrix whole = DenseMatrix.FromSingles(values, Rows, Columns);
        JoinedMatrix joined = new(whole.Slice(0, Rows, 0, 500), whole.Slice(0, Rows, 700, 1), whole.Slice(0, Rows, 900, 300));
        float[] kept = [.. Enumerable.Range(0, Rows).SelectMany(r =>
            (float[])[.. values.AsSpan(r * Columns, 500), values[r * Columns + 700], .. values.AsSpan(r * Columns + 900, 300)])];
        Compare(DenseMatrix.FromSingles(kept, Rows, 801), joined, random);
    }

    [Fact]
    public void Joined_GroupsOfAQuantisedMatrix_ReadsItsRows()
    {
        const int Rows = 9, Columns = 640;
        QuantizedMatrix whole = RandomQuantized.Matrix(new Random(5), QuantizationFormat.Default, Rows, Columns);
        JoinedMatrix joined = new(whole.Slice(0, Rows, 0, 128), whole.Slice(0, Rows, 512, 128));
        Assert.Equal("affine4/64", joined.FormatName);
        Assert.Equal(Rows * (128 + 4 * 2 * 2), joined.StoredBytes);
        float[] all = new float[Columns], row = new float[256];
        for (int r = 0; r < Rows; r++)
        {
            whole.ReadRow(r, all);
            joined.ReadRow(r, row);
            Assert.Equal([.. all.AsSpan(0, 128), .. all.AsSpan(512, 128)], row);
        }
    }

    [Fact]
    public void Constructors_PartsThatDoNotFit_Throw()
    {
        DenseMatrix a = DenseMatrix.FromSingles(new float[6], 2, 3), b = DenseMatrix.FromSingles(new float[6], 3, 2);
        Assert.Contains("3 and of 2 columns", Assert.Throws<ArgumentException>(() => new StackedMatrix(a, b)).Message, StringComparison.Ordinal);
        Assert.Contains("2 and of 3 rows", Assert.Throws<ArgumentException>(() => new JoinedMatrix(a, b)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new StackedMatrix());
        Assert.Throws<ArgumentException>(() => new JoinedMatrix());
        Assert.Throws<ArgumentOutOfRangeException>(() => new StackedMatrix(a, a).ReadRow(4, new float[3]));
        Assert.Throws<ArgumentException>(() => new JoinedMatrix(a, a).ReadRow(0, new float[3]));
    }

    static void Compare(WeightMatrix expected, WeightMatrix matrix, Random random)
    {
        Assert.Equal(
            (expected.Rows, expected.Columns, expected.StoredBytes, expected.FormatName),
            (matrix.Rows, matrix.Columns, matrix.StoredBytes, matrix.FormatName));
        float[] row = new float[expected.Columns], same = new float[expected.Columns];
        for (int r = 0; r < expected.Rows; r++)
        {
            expected.ReadRow(r, same);
            matrix.ReadRow(r, row);
            Assert.Equal(same, row);
        }

        using WorkerTeam team = new(2);
        foreach (int tokens in s_tokens)
        {
            float[] x = Randoms.Singles(random, tokens * expected.Columns), y = new float[tokens * expected.Rows], z = new float[tokens * expected.Rows];
            expected.Multiply(x, tokens, z, team);
            matrix.Multiply(x, tokens, y, team);
            Assert.Equal(z, y);
        }
    }
}
