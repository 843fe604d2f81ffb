using GemmaSharp.Numerics.Kernels;

namespace GemmaSharp.Numerics.Tests.Kernels;

public class SmallKernelTests
{
    static double Rounding(double want) => 6e-8 * Math.Abs(want);

    public static TheoryData<string> AllWidths => Widths.All;

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Clamp_EveryLengthTo257_MatchesPlainLoop(string width) => KernelTest.Unary(
        (x, y) => Widths.Unary(width, x, new Clamp.Operator(0.75f), y), x => Math.Clamp(x, -0.75, 0.75), _ => 0);

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Relu_EveryLengthTo257_MatchesPlainLoop(string width) => KernelTest.Unary(
        (x, y) => Widths.Unary(width, x, default(Relu.Operator), y), x => Math.Max(0, x), _ => 0);

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Shift_EveryLengthTo257_MatchesPlainLoopInDouble(string width) => KernelTest.Unary(
        (x, y) => Widths.Unary(width, x, new Shift.Operator(0.3f), y), x => x + (double)0.3f, Rounding);

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void ClampAndRelu_NaN_StaysNaN(string width)
    {
        float[] x = [float.NaN, 1, float.NaN], y = new float[3];
        Widths.Unary(width, x, new Clamp.Operator(0.5f), y);
        Assert.Equal([float.NaN, 0.5f, float.NaN], y.AsSpan());
        Widths.Unary(width, x, default(Relu.Operator), y);
        Assert.Equal([float.NaN, 1, float.NaN], y.AsSpan());
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void MultiplyAccumulate_EveryLengthTo257_MatchesPlainLoopInDouble(string width) =>
        KernelTest.ForEveryLength((length, start, random) =>
        {
            float[] x = Randoms.Singles(random, start + length);
            float[] y = Randoms.Singles(random, 1 + length);
            float[] z = Randoms.Singles(random, start + length + 1);
            float[] before = [.. z];
            Accumulate(width, x.AsSpan(start), y.AsSpan(1), z.AsSpan(start, length));
            for (int i = 0; i < length; i++)
            {
                double product = (double)x[start + i] * y[1 + i], sum = before[start + i];
                Assert.Equal(sum + product, z[start + i], 1.2e-7 * (Math.Abs(product) + Math.Abs(sum)));
            }
            Assert.Equal(before[start + length], z[start + length]);
            Assert.Equal(before.AsSpan(0, start), z.AsSpan(0, start));
        });

    [Fact]
    public void MultiplyAccumulate_OtherLengths_Throws()
    {
        Assert.Throws<ArgumentException>(() => MultiplyAccumulate.Apply(new float[2], new float[3], new float[2]));
        Assert.Throws<ArgumentException>(() => MultiplyAccumulate.Apply(new float[2], new float[2], new float[3]));
    }

    static void Accumulate(string width, ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> destination) =>
        Widths.Run(width, new MultiplyAccumulate.Kernel(x, y, destination));
}
