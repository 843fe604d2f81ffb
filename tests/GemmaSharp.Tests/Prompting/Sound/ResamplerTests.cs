using GemmaSharp.Prompting.Sound;

namespace GemmaSharp.Tests.Prompting.Sound;

public class ResamplerTests
{
    static float[] Sine(double frequency, int rate, int count, double amplitude = 1, double phase = 0) =>
        [.. Enumerable.Range(0, count).Select(n => (float)(amplitude * Math.Sin((2 * Math.PI * frequency * n / rate) + phase)))];

    static double Peak(float[] samples, int skip) => samples.Skip(skip).SkipLast(skip).Max(Math.Abs);

    [Fact]
    public void Resample_SameRate_ReturnsTheSameClip()
    {
        AudioClip clip = new([0.25f, -1, 3], 16000);
        Assert.Same(clip, Resampler.Resample(clip));
    }

    [Theory]
    [InlineData(48_000)]
    [InlineData(44_100)]
    [InlineData(22_050)]
    [InlineData(11_025)]
    [InlineData(8_000)]
    [InlineData(96_000)]
    [InlineData(192_000)]
    [InlineData(44_101)] // shares no factor with 16,000: interpolated phases
    [InlineData(7_919)]
    public void Resample_SinesUpToNineTenthsOfTheBand_KeepAmplitudeAndPhase(int rate)
    {
        int count = rate / 2;
        double half = Math.Min(rate, 16000) / 2.0;
        foreach (double share in (double[])[0.013, 0.21, 0.5, 0.77, 0.9])
        {
            double frequency = share * half;
            float[] result = Resampler.Resample(Sine(frequency, rate, count, 0.8, 0.3), rate, 16000);
            Assert.Equal(Resampler.OutputLength(count, rate, 16000), result.Length);
            float[] expected = Sine(frequency, 16000, result.Length, 0.8, 0.3);

            // 0.1 dB at the edge of the pass band, and nothing measurable well inside it.
            double allowed = share > 0.85 ? 0.8 * 0.0115 : 1e-3;
            int skip = (int)(16000 / half * 64) + 8;
            for (int i = skip; i < result.Length - skip; i++)
            {
                Assert.True(Math.Abs(result[i] - expected[i]) < allowed, $"{rate} Hz, {frequency} Hz, sample {i}: {result[i]}, expected {expected[i]}.");
            }
        }
    }

    [Theory]
    [InlineData(48_000, 8_000.0)]
    [InlineData(48_000, 8_300.0)]
    [InlineData(48_000, 15_000.0)]
    [InlineData(44_100, 12_345.0)]
    [InlineData(22_050, 9_000.0)]
    [InlineData(44_101, 9_999.0)]
    public void Resample_ToneAboveTheNewBand_IsEightyDecibelsDown(int rate, double frequency)
    {
        float[] result = Resampler.Resample(Sine(frequency, rate, rate, 1, 0.7), rate, 16000);
        Assert.True(Peak(result, 200) < 1e-4, $"peak {Peak(result, 200)}");
    }

    [Theory]
    [InlineData(8_000, 3_000.0)]
    [InlineData(11_025, 4_000.0)]
    public void Resample_Upwards_MakesNoImages(int rate, double frequency)
    {
        float[] result = Resampler.Resample(Sine(frequency, rate, rate), rate, 16000);
        float[] expected = Sine(frequency, 16000, result.Length);
        Assert.True(Peak([.. result.Zip(expected, (a, b) => a - b)], 300) < 1e-4);
    }

    [Theory]
    [InlineData(48_000)]
    [InlineData(44_100)]
    [InlineData(8_000)]
    [InlineData(15_999)]
    public void Resample_Constant_StaysThatConstant(int rate)
    {
        float[] result = Resampler.Resample([.. Enumerable.Repeat(0.5f, rate)], rate, 16000);
        Assert.All(result.Skip(300).SkipLast(300), value => Assert.Equal(0.5f, value, 1e-6f));
    }

    [Fact]
    public void Resample_Impulse_HasNoDelay()
    {
        float[] samples = new float[4800];
        samples[2400] = 1;
        float[] result = Resampler.Resample(samples, 48000, 16000);
        Assert.Equal(800, Array.IndexOf(result, result.Max()));
        Assert.Equal(result[799], result[801], 1e-7f);
    }

    [Theory]
    [InlineData(0, 44100, 0)]
    [InlineData(1, 44100, 0)]
    [InlineData(2, 44100, 1)]
    [InlineData(44100, 44100, 16000)]
    [InlineData(3, 32000, 2)]
    [InlineData(int.MaxValue, 1, 34359738352000)]
    public void OutputLength_RoundsHalvesUp(int count, int rate, long expected) =>
        Assert.Equal(expected, Resampler.OutputLength(count, rate, 16000));

    [Fact]
    public void Resample_EveryShortLength_GivesTheRoundedCountOfFiniteValues()
    {
        foreach (int rate in (int[])[1, 3, 8000, 11025, 44100, 1_000_000])
        {
            for (int count = 0; count < 5; count++)
            {
                float[] result = Resampler.Resample([.. Enumerable.Repeat(1f, count)], rate, 16000);
                Assert.Equal(Resampler.OutputLength(count, rate, 16000), result.Length);
                Assert.All(result, value => Assert.True(float.IsFinite(value)));
            }
        }
    }

    [Fact]
    public void Resample_StrangestRate_StaysAccurate()
    {
        float[] result = Resampler.Resample(Sine(1000, 999_983, 99_998), 999_983, 16000);
        float[] expected = Sine(1000, 16000, result.Length);
        Assert.True(Peak([.. result.Zip(expected, (a, b) => a - b)], 80) < 1e-4);
    }

    [Theory]
    [InlineData(44_100)]
    [InlineData(8_000)]
    [InlineData(44_101)]
    [InlineData(16_000)]
    public void Write_PiecesOfAnyLength_GiveTheSameBits(int rate)
    {
        float[] samples = Sine(777, rate, 70_001, 0.9);
        float[] whole = Resampler.Resample(samples, rate, 16000);
        Random random = new(rate);
        StreamingResampler resampler = new(rate);
        for (int at = 0; at < samples.Length;)
        {
            int count = Math.Min(random.Next(0, 3) * random.Next(1, 20_000), samples.Length - at);
            resampler.Write(samples.AsSpan(at, count));
            at += count;
        }

        Assert.Equal<float[]>(whole, resampler.Finish().Samples);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(1_000_001)]
    public void Resample_RateThatIsNotOne_GivesTheRange(int rate)
    {
        ArgumentOutOfRangeException error = Assert.Throws<ArgumentOutOfRangeException>(() => Resampler.Resample(new float[1], rate, 16000));
        Assert.Contains("1 to 1000000", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7_999)]
    [InlineData(16_000)]
    [InlineData(44_100)]
    [InlineData(192_000)]
    public void ResampleBeginning_OfALongClip_HasTheBitsOfTheWhole(int rate)
    {
        const int Most = 1_000;
        float[] samples = new float[Math.Max(1_000, rate)];
        var random = new Random(rate);
        for (int i = 0; i < samples.Length; i++)
        {
            samples[i] = random.NextSingle() - 0.5f;
        }

        AudioClip clip = new(samples, rate);
        float[] beginning = Resampler.ResampleBeginning(clip, Resampler.ModelRate, Most);
        Assert.True(beginning.Length >= Most);
        Assert.Equal(Resampler.Resample(clip).Samples[..Most], beginning[..Most]);
        Assert.True(rate == Resampler.ModelRate || beginning.Length < Resampler.OutputLength(samples.Length, rate, Resampler.ModelRate));
    }
}
