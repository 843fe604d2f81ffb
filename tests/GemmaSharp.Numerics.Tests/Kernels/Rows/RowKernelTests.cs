using GemmaSharp.Numerics.Kernels;

namespace GemmaSharp.Numerics.Tests.Kernels;

/// <summary>RMS norm, softmax and rotary embedding.</summary>
public class RowKernelTests
{
    public static TheoryData<string> AllWidths => Widths.All;

    [Fact]
    public void RmsNorm_EveryLengthTo257_MatchesPlainLoopInDouble() =>
        KernelTest.ForEveryLength((length, start, random) =>
        {
            float[] x = Randoms.Singles(random, start + length);
            float[] weight = Randoms.Singles(random, 1 + length);
            float[] y = new float[length], plain = new float[length];
            RmsNormKernel.Apply(x.AsSpan(start), weight.AsSpan(1), 1e-6f, y);
            RmsNormKernel.Apply(x.AsSpan(start), [], 1e-6f, plain);
            double squares = 0;
            for (int i = 0; i < length; i++)
            {
                squares += (double)x[start + i] * x[start + i];
            }
            double scale = 1 / Math.Sqrt(squares / length + 1e-6);
            for (int i = 0; i < length; i++)
            {
                Assert.Equal(x[start + i] * scale, plain[i], 1e-6 * Math.Abs(x[start + i] * scale) + 1e-12);
                double want = x[start + i] * scale * weight[1 + i];
                Assert.Equal(want, y[i], 1e-6 * Math.Abs(want) + 1e-12);
            }
        });

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Softmax_EveryLengthTo257_MatchesPlainLoopInDouble(string width) =>
        KernelTest.ForEveryLength((length, start, random) =>
        {
            float[] x = Randoms.Singles(random, start + length);
            for (int i = 0; i < x.Length; i++)
            {
                x[i] = x[i] * 10 + 1000;
            }
            if (length > 2)
            {
                x[start + 1] = float.NegativeInfinity;
            }
            float[] y = x[start..];
            ApplySoftmax(width, y);
            double max = double.NegativeInfinity, sum = 0;
            for (int i = 0; i < length; i++)
            {
                max = Math.Max(max, x[start + i]);
            }
            for (int i = 0; i < length; i++)
            {
                sum += Math.Exp(x[start + i] - max);
            }
            for (int i = 0; i < length; i++)
            {
                double want = Math.Exp(x[start + i] - max) / sum;
                Assert.Equal(want, y[i], 1e-6 * want + 1e-37);
            }
        });

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Softmax_NaNOrAllMasked_GivesNaN(string width)
    {
        float[] x = new float[40];
        x[33] = float.NaN;
        ApplySoftmax(width, x);
        Assert.All(x, value => Assert.True(float.IsNaN(value)));
        Array.Fill(x, float.NegativeInfinity);
        ApplySoftmax(width, x);
        Assert.All(x, value => Assert.True(float.IsNaN(value)));
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Rope_EveryHalfLengthTo257_MatchesPlainLoopInDouble(string width) =>
        KernelTest.ForEveryLength((half, start, random) =>
        {
            float[] x = Randoms.Singles(random, start + 2 * half);
            float[] cos = new float[half], sin = new float[half];
            for (int i = 0; i < half; i++)
            {
                (sin[i], cos[i]) = MathF.SinCos((float)random.NextDouble() * 6);
            }
            float[] y = [.. x];
            Widths.Run(width, new Rope.Kernel(y.AsSpan(start), cos, sin));
            for (int i = 0; i < half; i++)
            {
                double a = x[start + i], b = x[start + half + i];
                Assert.Equal(a * cos[i] - b * sin[i], y[start + i], 1e-6);
                Assert.Equal(b * cos[i] + a * sin[i], y[start + half + i], 1e-6);
            }
        });

    static void ApplySoftmax(string width, Span<float> x) => Widths.Run(width, new Softmax.Kernel(x));
}
