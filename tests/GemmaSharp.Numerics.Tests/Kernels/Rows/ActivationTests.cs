using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Tests.Kernels;

public class ActivationTests
{
    // Four units in the last place of float32, and what is left of subnormal results.
    static double Close(double want) => 4 * 1.2e-7 * Math.Abs(want) + 1e-37;

    public static TheoryData<string> AllWidths => Widths.All;

    static float Wide(Random random) => (float)((random.NextDouble() - 0.5) * 40);

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void GeluTanh_EveryLengthTo257_MatchesPlainLoopInDouble(string width) => KernelTest.Unary(
        (x, y) => Widths.Unary(width, x, default(Gelu.TanhOperator), y),
        GeluTanh,
        // Far below zero the argument of the exponential is large, and so is its rounding.
        want => 2e-6 * Math.Abs(want) + 1e-9,
        Wide);

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void GeluTanhMultiply_EveryLengthTo257_MatchesPlainLoopInDouble(string width) => KernelTest.Binary(
        (x, y, z) => Widths.Binary(width, x, y, default(Gelu.TanhMultiplyOperator), z),
        (x, y) => GeluTanh(x) * y,
        want => 1e-6 * Math.Abs(want) + 1e-9);

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Silu_EveryLengthTo257_MatchesPlainLoopInDouble(string width) => KernelTest.Unary(
        (x, y) => Widths.Unary(width, x, default(Silu.Operator), y), x => x / (1 + Math.Exp(-x)), Close, Wide);

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Glu_EveryLengthTo257_MatchesPlainLoopInDouble(string width) => KernelTest.Binary(
        (x, y, z) => Widths.Binary(width, x, y, default(Glu.Operator), z), (x, y) => x / (1 + Math.Exp(-y)), Close);

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Tanh_EveryLengthTo257_MatchesPlainLoopInDouble(string width)
    {
        UnaryKernel kernel = (x, y) => Widths.Unary(width, x, default(Tanh.Operator), y);
        KernelTest.Unary(kernel, Math.Tanh, Close);
        KernelTest.Unary(kernel, Math.Tanh, Close, Wide);
        KernelTest.Unary(kernel, Math.Tanh, Close, random => (float)((random.NextDouble() - 0.5) * 1e-3));
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void SoftCap_EveryLengthTo257_MatchesPlainLoopInDouble(string width) => KernelTest.Unary(
        (x, y) => Widths.Unary(width, x, new SoftCap.Operator(30), y), x => 30 * Math.Tanh(x / 30), Close, Wide);

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Exp_WholeRange_WithinThreeUlp(string width)
    {
        float[] x = new float[20_000];
        for (int i = 0; i < x.Length; i++)
        {
            x[i] = -110f + i * 0.01f;
        }
        float[] y = new float[x.Length];
        Widths.Unary(width, x, default(ExpOperator), y);
        for (int i = 0; i < x.Length; i++)
        {
            double want = Math.Exp(x[i]);
            float nearest = (float)want;
            double ulp = float.IsInfinity(nearest) ? 0 : Math.Max(MathF.BitIncrement(nearest) - nearest, float.Epsilon);
            Assert.True(
                y[i] == nearest || Math.Abs(y[i] - want) <= 3 * ulp, $"exp({x[i]}) is {y[i]:R}, should be {nearest:R}");
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Functions_NaNAndInfinity_AsInIeee(string width)
    {
        float[] x = [float.NaN, float.PositiveInfinity, float.NegativeInfinity, 0f, -0f];
        float[] y = new float[x.Length];
        Widths.Unary(width, x, default(ExpOperator), y);
        Assert.Equal([float.NaN, float.PositiveInfinity, 0f, 1f, 1f], y);
        Widths.Unary(width, x, default(Tanh.Operator), y);
        Assert.Equal([float.NaN, 1f, -1f, 0f, -0f], y);
        Widths.Unary(width, x.AsSpan(0, 2), default(Silu.Operator), y.AsSpan(0, 2));
        Assert.Equal([float.NaN, float.PositiveInfinity], y[..2]);
        Widths.Unary(width, x.AsSpan(0, 2), default(Gelu.TanhOperator), y.AsSpan(0, 2));
        Assert.Equal([float.NaN, float.PositiveInfinity], y[..2]);
    }

    [Fact]
    public void Apply_DifferentLengths_Throws()
    {
        Assert.Throws<ArgumentException>(() => Silu.Apply(new float[3], new float[4]));
        Assert.Throws<ArgumentException>(() => Glu.Apply(new float[7], new float[4]));
        Assert.Throws<ArgumentException>(() => Gelu.TanhMultiply(new float[3], new float[4], new float[3]));
    }

    [Fact]
    public void Glu_Row_GatesFirstHalfBySecond()
    {
        float[] y = new float[2];
        Glu.Apply([3f, -4f, 0f, 100f], y);
        Assert.Equal([1.5f, -4f], y);
    }

    static double GeluTanh(double x) => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));

    readonly struct ExpOperator : IUnaryOperator
    {
        public TVector Invoke<TVector>(TVector x)
            where TVector : struct, IVector<TVector> => VectorFunctions.Exp(x);
    }
}
