using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Tests.Kernels;

public unsafe class MatMulTests
{
    // Every tile and every mix of tiles, below and above the number from which weights are widened into panels.
    static readonly int[] s_tokens = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 21, 22, 23, 24, 25, 26];

    public static TheoryData<string> AllWidths => Widths.All;

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Multiply_EveryColumnCountTo257_MatchesPlainLoopInDouble(string width)
    {
        for (int k = 0; k <= 257; k++)
        {
            int m = s_tokens[k % s_tokens.Length];
            Check(width, m, 1 + k % 11, k, direct: true, null);
            Check(width, m, 1 + k % 11, k, direct: false, null);
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Multiply_SeveralBlocksOfColumns_MatchesPlainLoopInDouble(string width)
    {
        using WorkerTeam team = new(3);
        foreach (int m in s_tokens)
        {
            Check(width, m, 53, 1601, direct: false, team);
            Check(width, m, 53, 1601, direct: true, team);
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Multiply_PanelOrRegisters_SameBits(string width)
    {
        using WorkerTeam team = new(2);
        foreach (int k in new[] { 5, 64, 777, 1601 })
        {
            Random random = new(k);
            float[] w = Randoms.Singles(random, 14 * k), row = new float[14];
            float[] x = Randoms.Singles(random, 26 * k);
            foreach (int m in s_tokens)
            {
                float[] panels = new float[m * 14];
                Run(width, x, m, k, w, 14, k, k, panels, 14, direct: false, team);
                for (int t = 0; t < m; t++)
                {
                    Run(width, x.AsSpan(t * k, k), 1, k, w, 14, k, k, row, 14, direct: true, null);
                    Assert.Equal(row, panels.AsSpan(t * 14, 14).ToArray());
                }
            }
        }
    }

    [Fact]
    public void Multiply_Strides_TouchesOnlyItsElements()
    {
        const int M = 30, N = 7, K = 20, Ldx = 23, Ldw = 21, Ldy = 9;
        Random random = new(1);
        float[] x = Randoms.Singles(random, M * Ldx), w = Randoms.Singles(random, N * Ldw);
        foreach (int m in new[] { 1, 5, M })
        {
            float[] y = new float[M * Ldy];
            Array.Fill(y, 7);
            MatMul.Multiply(x, m, Ldx, w, N, Ldw, K, y, Ldy);
            for (int t = 0; t < M; t++)
            {
                for (int r = 0; r < Ldy; r++)
                {
                    double want = 7, scale = 0;
                    if (t < m && r < N)
                    {
                        want = Expected(x.AsSpan(t * Ldx, K), w.AsSpan(r * Ldw, K), out scale);
                    }
                    Assert.Equal(want, y[t * Ldy + r], 2e-6 * scale);
                }
            }
        }
    }

    [Fact]
    public void Multiply_ShortSpanOrSmallStride_Throws()
    {
        float[] x = new float[12], w = new float[8], y = new float[6];
        Assert.Throws<ArgumentException>(() => MatMul.Multiply(x, 4, w, 2, 4, y, 2));
        Assert.Throws<ArgumentException>(() => MatMul.Multiply(x, 3, w, 3, 4, y, 3));
        Assert.Throws<ArgumentException>(() => MatMul.Multiply(x, 3, w, 2, 4, y, 1));
        Assert.Throws<ArgumentException>(() => MatMul.Multiply(x, 3, 3, w, 2, 4, 4, y, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => MatMul.Multiply(x, -1, w, 2, 4, y, 2));
        MatMul.Multiply([], 0, w, 2, 4, [], 2);
        MatMul.Multiply(x, 3, [], 0, 4, [], 0);
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Multiply_WeightsWithAStride_HasTheBitsOfPackedOnes(string width)
    {
        using WorkerTeam team = new(2);
        foreach ((int n, int k, int ldw) in new[] { (8, 64, 65), (9, 64, 128), (19, 33, 70), (27, 1601, 1700) })
        {
            Random random = new(k);
            float[] w = Randoms.Singles(random, n * ldw), x = Randoms.Singles(random, 26 * k);
            float[] packed = [.. Enumerable.Range(0, n).SelectMany(r => w.AsSpan(r * ldw, k).ToArray())];
            foreach (int m in s_tokens)
            {
                float[] expected = new float[m * n], y = new float[m * n];
                foreach (bool direct in new[] { true, false })
                {
                    Run(width, x, m, k, packed, n, k, k, expected, n, direct, team);
                    Run(width, x, m, k, w, n, ldw, k, y, n, direct, team);
                    Assert.Equal(expected, y);
                }
            }
        }
    }

    [Fact]
    public void Multiply_NoColumns_GivesZeros()
    {
        foreach (int m in s_tokens)
        {
            float[] y = new float[m * 5];
            Array.Fill(y, 3);
            MatMul.Multiply([], m, [], 5, 0, y, 5);
            Assert.All(y, value => Assert.Equal(0f, value));
        }
    }

    static void Check(string width, int m, int n, int k, bool direct, WorkerTeam? team)
    {
        Random random = new(k);
        float[] x = Randoms.Singles(random, m * k), w = Randoms.Singles(random, n * k), y = new float[m * n];
        Run(width, x, m, k, w, n, k, k, y, n, direct, team);
        for (int t = 0; t < m; t++)
        {
            for (int r = 0; r < n; r++)
            {
                double want = Expected(x.AsSpan(t * k, k), w.AsSpan(r * k, k), out double scale);
                Assert.True(
                    Math.Abs(want - y[t * n + r]) <= 2e-6 * scale,
                    $"{m}×{n}×{k}, token {t}, row {r}: {y[t * n + r]}, should be {want}");
            }
        }
    }

    static double Expected(ReadOnlySpan<float> x, ReadOnlySpan<float> w, out double scale)
    {
        double sum = 0;
        scale = 0;
        for (int c = 0; c < x.Length; c++)
        {
            double term = (double)x[c] * w[c];
            sum += term;
            scale += Math.Abs(term);
        }
        return sum;
    }

    static void Run(
        string width, ReadOnlySpan<float> x, int m, int ldx, float[] w, int n, int ldw, int k, float[] y, int ldy, bool direct, WorkerTeam? team)
    {
        fixed (float* px = x)
        fixed (float* pw = w)
        fixed (float* py = y)
        {
            (nuint xStride, nuint rowBytes, nuint yStride) = ((nuint)ldx, (nuint)ldw * sizeof(float), (nuint)ldy);
            if (direct)
            {
                Widths.Run(width, new MatMul.Kernel<SingleWeights>(px, m, xStride, (byte*)pw, n, rowBytes, k, py, yStride, team));
            }
            else
            {
                Widths.Run(width, new Panels(px, m, xStride, (byte*)pw, n, rowBytes, k, py, yStride, team));
            }
        }
    }

    readonly struct Panels(
        float* x, int m, nuint xStride, byte* w, int n, nuint rowBytes, int k, float* y, nuint yStride, WorkerTeam? team) : IWidthKernel
    {
        public void Run<TVector>()
            where TVector : struct, IVector<TVector> =>
            PanelProduct.Multiply<StoredPanels<SingleWeights>, TVector>(x, m, xStride, new(w, rowBytes), n, k, y, yStride, team);
    }
}
