using GemmaSharp.Cli.Bench;
using GemmaSharp.Prompting.Sound;

namespace GemmaSharp.Tests.Prompting.Sound;

public sealed class RealFftTests
{
    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(64)]
    [InlineData(1024)]
    public void Magnitudes_EveryLength_MatchTheDefinition(int length)
    {
        double[] x = [.. Enumerable.Range(0, length).Select(i => WeightRule.U((uint)i))];
        RealFft fft = new(length);
        double[] magnitudes = new double[fft.Bins];
        fft.Magnitudes([.. x], magnitudes);

        for (int k = 0; k < fft.Bins; k++)
        {
            double re = 0, im = 0;
            for (int n = 0; n < length; n++)
            {
                (double sin, double cos) = Math.SinCos(-2 * Math.PI * ((long)k * n % length) / length);
                re += x[n] * cos;
                im += x[n] * sin;
            }

            Assert.Equal(Math.Sqrt(re * re + im * im), magnitudes[k], 1e-12 * length);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(12)]
    public void Constructor_OtherLength_Throws(int length) => Assert.Throws<ArgumentException>(() => new RealFft(length));
}
