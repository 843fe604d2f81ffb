using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Matrices;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Tests.Kernels;

public class ColumnProductTests
{
    [Theory]
    [InlineData(nameof(F32x16), 32)]
    [InlineData(nameof(F32x8), 16)]
    [InlineData(nameof(F32x4), 8)]
    [InlineData(nameof(F32x1), 2)]
    public void Multiply_EverySize_MatchesPlainLoopInDouble(string width, int strip)
    {
        for (int n = 0; n <= 70; n++)
        {
            Check(width, strip, 7, n % 9, n);
        }
        for (int m = 0; m <= 25; m++)
        {
            Check(width, strip, m, 13, 33);
        }
        for (int k = 0; k <= 257; k++)
        {
            Check(width, strip, 7, k, 3);
        }
    }

    [Theory]
    [InlineData(nameof(F32x16))]
    [InlineData(nameof(F32x8))]
    [InlineData(nameof(F32x4))]
    [InlineData(nameof(F32x1))]
    public void Multiply_StoredWeights_MatchesPlainLoopInDouble(string width)
    {
        for (int n = 0; n <= 70; n++)
        {
            CheckWeights(width, 7, n % 9, n);
        }
        for (int k = 0; k <= 260; k++)
        {
            CheckWeights(width, 7, k, 5);
        }
        CheckWeights(width, 25, 300, 37);
    }

    [Fact]
    public void Multiply_PublicForm_MatchesTheStoredOrderEitherWay()
    {
        const int M = 11, K = 27, N = 64;
        Random random = new(1);
        float[] x = Randoms.Singles(random, M * K), b = Randoms.Singles(random, K * N);
        float[] transposed = new float[N * K];
        for (int i = 0; i < b.Length; i++)
        {
            transposed[(i % N * K) + (i / N)] = b[i];
        }
        float[] packed = new float[ColumnProduct.PackedLength(K, N)], other = new float[packed.Length];
        ColumnProduct.Pack(b, K, N, packed);
        ColumnProduct.PackTransposed(transposed, K, N, other);
        Assert.Equal(packed, other);
        float[] y = new float[M * N];
        ColumnProduct.Multiply(x, M, packed, K, N, y);
        AssertProduct(x, b, y, M, K, N);
        float[] fromWeights = new float[M * N];
        ColumnProduct.Multiply(x, M, DenseMatrix.FromSingles(transposed, N, K), fromWeights);
        Assert.Equal(y, fromWeights);
    }

    [Fact]
    public void Multiply_TooShort_Throws()
    {
        float[] packed = new float[ColumnProduct.PackedLength(4, 3)];
        Assert.Throws<ArgumentException>(() => ColumnProduct.Multiply(new float[7], 2, packed, 4, 3, new float[6]));
        Assert.Throws<ArgumentException>(() => ColumnProduct.Multiply(new float[8], 2, packed.AsSpan(1), 4, 3, new float[6]));
        Assert.Throws<ArgumentException>(() => ColumnProduct.Multiply(new float[8], 2, packed, 4, 3, new float[5]));
        DenseMatrix w = DenseMatrix.FromSingles(new float[12], 3, 4);
        Assert.Throws<ArgumentException>(() => ColumnProduct.Multiply(new float[7], 2, w, new float[6]));
        Assert.Throws<ArgumentException>(() => ColumnProduct.Multiply(new float[8], 2, w, new float[5]));
        Assert.Throws<ArgumentException>(() => ColumnProduct.Pack(new float[11], 4, 3, packed));
        Assert.Throws<ArgumentException>(() => ColumnProduct.PackTransposed(new float[12], 4, 3, packed.AsSpan(1)));
    }

    static void Check(string width, int strip, int m, int k, int n)
    {
        Random random = new((m * 100_000) + (k * 300) + n);
        float[] x = Randoms.Singles(random, m * k), b = Randoms.Singles(random, k * n);
        float[] packed = new float[ColumnProduct.PackedLength(k, n, strip)];
        Array.Fill(packed, float.NaN);
        ColumnProduct.Pack(b, k, n, strip, packed);
        float[] y = new float[(m * n) + 1];
        y[^1] = 7;
        Multiply(width, x, m, packed, k, n, y);
        AssertProduct(x, b, y, m, k, n);
        Assert.Equal(7, y[^1]);

        // A row alone gives the same bits as among others.
        float[] alone = new float[n];
        for (int i = 0; i < m; i++)
        {
            Multiply(width, x[(i * k)..((i + 1) * k)], 1, packed, k, n, alone);
            Assert.Equal(y[(i * n)..((i + 1) * n)], alone);
        }
    }

    static void CheckWeights(string width, int m, int k, int n)
    {
        Random random = new((m * 100_000) + (k * 300) + n);
        float[] x = Randoms.Singles(random, m * k), stored = Randoms.Singles(random, n * k), b = new float[k * n];
        for (int i = 0; i < b.Length; i++)
        {
            b[i] = stored[(i % n * k) + (i / n)];
        }
        DenseMatrix w = DenseMatrix.FromSingles(stored, n, k);
        float[] y = new float[(m * n) + 1];
        y[^1] = 7;
        Multiply(width, x, m, w, y);
        AssertProduct(x, b, y, m, k, n);
        Assert.Equal(7, y[^1]);
    }

    static void Multiply(string width, float[] x, int m, DenseMatrix w, float[] y) =>
        Widths.Run(width, new ColumnProduct.StoredKernel(x, m, w, y));

    static void AssertProduct(float[] x, float[] b, float[] y, int m, int k, int n)
    {
        for (int i = 0; i < m * n; i++)
        {
            double expected = 0, scale = 0;
            for (int c = 0; c < k; c++)
            {
                double term = (double)x[(i / n * k) + c] * b[(c * n) + (i % n)];
                expected += term;
                scale += Math.Abs(term);
            }
            Assert.True(Math.Abs(y[i] - expected) <= 4e-6 * scale, $"{m} × {k} × {n}, element {i}: {y[i]} for {expected}");
        }
    }

    static void Multiply(string width, float[] x, int m, float[] packed, int k, int n, float[] y) =>
        Widths.Run(width, new ColumnProduct.PackedKernel(x, m, packed, k, n, y));
}
