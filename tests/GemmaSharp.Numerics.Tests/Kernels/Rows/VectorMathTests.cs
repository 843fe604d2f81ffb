using GemmaSharp.Numerics.Kernels;

namespace GemmaSharp.Numerics.Tests.Kernels;

public class VectorMathTests
{
    const double Unit = 1.2e-7;

    public static TheoryData<string> AllWidths => Widths.All;

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Elementwise_EveryLengthTo257_MatchesPlainLoopInDouble(string width)
    {
        KernelTest.Binary(
            (x, y, z) => Widths.Binary(width, x, y, default(VectorMath.AddOperator), z),
            (x, y) => x + y,
            want => Unit * Math.Abs(want));
        KernelTest.Binary(
            (x, y, z) => Widths.Binary(width, x, y, default(VectorMath.MultiplyOperator), z),
            (x, y) => x * y,
            want => Unit * Math.Abs(want));
        KernelTest.Unary(
            (x, y) => Widths.Unary(width, x, new VectorMath.ScaleOperator(0.3f), y),
            x => 0.3f * x,
            want => Unit * Math.Abs(want));
        KernelTest.Binary(
            (x, y, z) => Widths.Binary(width, x, y, new VectorMath.MultiplyAddOperator(0.3f), z),
            (x, y) => 0.3f * x + y,
            // Machines without fused multiply-add round the product first.
            want => Unit * (Math.Abs(want) + 1));
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Reductions_EveryLengthTo257_MatchPlainLoopInDouble(string width) =>
        KernelTest.ForEveryLength((length, start, random) =>
        {
            ReadOnlySpan<float> x = Randoms.Singles(random, start + length).AsSpan(start);
            ReadOnlySpan<float> y = Randoms.Singles(random, 1 + length).AsSpan(1);
            double dot = 0, dotScale = 0, sum = 0, sumScale = 0, max = double.NegativeInfinity;
            for (int i = 0; i < length; i++)
            {
                dot += (double)x[i] * y[i];
                dotScale += Math.Abs((double)x[i] * y[i]);
                sum += x[i];
                sumScale += Math.Abs((double)x[i]);
                max = Math.Max(max, x[i]);
            }
            double mean = sum / length, variance = 0;
            foreach (float value in x)
            {
                variance += (value - mean) * (value - mean);
            }
            Assert.Equal(dot, Widths.Reduce(width, x, y, default(VectorMath.DotReduction)), 1e-6 * dotScale);
            Assert.Equal(sum, Widths.Reduce(width, x, x, default(VectorMath.SumReduction)), 1e-6 * sumScale);
            Assert.Equal((float)max, Widths.Reduce(width, x, x, default(VectorMath.MaxReduction)));
            if (length > 0)
            {
                float found = Widths.Reduce(width, x, x, new VectorMath.DeviationReduction((float)mean));
                Assert.Equal(variance, found, 1e-5 * variance + 1e-12);
            }
        });

    [Fact]
    public void PublicDoors_OneRow_Agree()
    {
        float[] x = [1, 2, 3, -4], y = [5, 6, -7, 8], z = new float[4];
        VectorMath.Add(x, y, z);
        Assert.Equal([6, 8, -4, 4], z);
        VectorMath.Multiply(x, y, z);
        Assert.Equal([5, 12, -21, -32], z);
        VectorMath.Scale(x, 2, z);
        Assert.Equal([2, 4, 6, -8], z);
        VectorMath.MultiplyAdd(x, 2, y, z);
        Assert.Equal([7, 10, -1, 0], z);
        Assert.Equal(-36f, VectorMath.Dot(x, y));
        Assert.Equal(30f, VectorMath.SumOfSquares(x));
        Assert.Equal(2f, VectorMath.Sum(x));
        Assert.Equal(3f, VectorMath.Max(x));
        VectorMath.MeanAndDeviation(x, out float mean, out float deviation);
        Assert.Equal(0.5f, mean);
        Assert.Equal(MathF.Sqrt(29f / 4f), deviation, 1e-6f);
    }

    [Fact]
    public void GaussianTopK_EveryLengthTo257_MatchesPlainLoopInDouble() =>
        KernelTest.ForEveryLength((length, start, random) =>
        {
            float[] x = Randoms.Singles(random, start + length);
            float[] y = new float[length];
            GaussianTopK.Apply(x.AsSpan(start), 0.5f, y);
            double mean = 0, variance = 0;
            for (int i = 0; i < length; i++)
            {
                mean += x[start + i] / (double)length;
            }
            for (int i = 0; i < length; i++)
            {
                variance += (x[start + i] - mean) * (x[start + i] - mean) / length;
            }
            double cut = mean + 0.5 * Math.Sqrt(variance);
            for (int i = 0; i < length; i++)
            {
                Assert.Equal(Math.Max(0, x[start + i] - cut), y[i], 2e-6);
            }
        });
}
