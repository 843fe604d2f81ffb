using GemmaSharp.Cli.Bench;
using GemmaSharp.Configuration;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Prompting.Sound;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Prompting.Sound;

public sealed class LogMelSpectrogramTests
{
    static readonly LogMelSpectrogram s_published = new(new FeatureExtractorConfig());

    static float[] Noise(int samples) => [.. Enumerable.Range(0, samples).Select(n => (float)WeightRule.U((uint)n))];

    static float[] Wav(string name) => WavSamples.Read(GoldenFiles.Find($"media/audio/{name}.wav"));

    [Fact]
    public void ComputeBatch_TwoTones_MatchesReferenceTest()
    {
        float[] tone = [.. Enumerable.Range(0, 8000).Select(i => (float)Math.Sin(2 * Math.PI * 440 * i / 7999.0))];
        MelFeatures features = new LogMelSpectrogram(new FeatureExtractorConfig { FeatureSize = 32 }).ComputeBatch([tone, tone[..4000]]);

        Assert.Equal(48, features.Frames);
        Assert.Equal([48, 25], features.ValidFrames);
        float[] expected = [-5.733152f, -5.337127f, -4.916284f, -4.378989f, -3.7622747f];
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], features.Values[i], 1e-3);
        }
    }

    [Fact]
    public void Compute_ToneAndNoise_MatchesReference()
    {
        float[] samples = [.. Enumerable.Range(0, 16000)
            .Select(n => (float)(0.4 * Math.Sin(2 * Math.PI * 440 * n / 16000) + 0.2 * WeightRule.U((uint)n)))];
        MelFeatures features = s_published.Compute(samples);

        Assert.Equal((97, 128, 97), (features.Frames, features.Bands, features.ValidFrames[0]));
        (int Frame, int Band, double Value)[] expected =
        [
            (0, 0, -3.637314), (0, 1, -4.194586), (0, 9, -3.806248), (0, 64, 0.447738), (0, 127, 2.673342),
            (50, 9, -2.248329), (50, 10, -2.448637), (96, 0, -3.348886), (96, 127, 2.802202),
        ];
        Assert.All(expected, e => Assert.Equal(e.Value, features.Values[e.Frame * 128 + e.Band], 1e-4));
        Assert.Equal(0.323199, features.Values.Average(), 1e-5);
        Assert.Equal(-5.604138, features.Values.Min(), 1e-4);
        Assert.Equal(3.335934, features.Values.Max(), 1e-4);
    }

    [Theory]
    [InlineData("speech")]
    [InlineData("short-0.05s")]
    [InlineData("one-frame")]
    [InlineData("one-second")]
    [InlineData("silence")]
    [InlineData("clipped")]
    [InlineData("five-seconds")]
    [InlineData("thirty-seconds")]
    [InlineData("thirty-one-seconds")]
    [InlineData("i32")]
    [InlineData("f64")]
    [InlineData("stereo")]
    public void Compute_RecordedClip_MatchesReference(string name)
    {
        Golden golden = Golden.Load("media/audio.safetensors");
        MelFeatures features = s_published.Compute(Wav(name));
        Assert.Equal([features.Frames, features.Bands], golden.Shape(name).AsSpan());
        Assert.Equal([features.Frames], features.ValidFrames);
        golden.AssertClose(name, features.Values);
    }

    [Fact]
    public void ComputeBatch_TwoClips_MatchesReferenceAndItsMask()
    {
        Golden golden = Golden.Load("media/audio-batch.safetensors");
        MelFeatures features = s_published.ComputeBatch([Wav("one-second"), Wav("speech")]);
        golden.AssertClose("input_features", features.Values);
        int[] mask = [.. Enumerable.Range(0, 2 * features.Frames)
            .Select(i => i % features.Frames < features.ValidFrames[i / features.Frames] ? 1 : 0)];
        Assert.Equal(golden.Integers("input_features_mask"), mask);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 1)]
    [InlineData(512, 1)]
    [InlineData(513, 1)]
    [InlineData(640, 1)]
    [InlineData(641, 2)]
    [InlineData(2561, 14)]
    [InlineData(16000, 97)]
    [InlineData(80000, 497)]
    [InlineData(480000, 2997)]
    [InlineData(480001, 2997)]
    [InlineData(2_000_000_000, 2997)]
    public void FrameCount_Length_IsTheReferences(int samples, int frames) => Assert.Equal(frames, s_published.FrameCount(samples));

    [Fact]
    public void Compute_ShorterThanAFrame_IsPaddedWithSilence()
    {
        float[] clip = Wav("too-short");
        Assert.Equal(400, clip.Length);
        MelFeatures features = s_published.Compute(clip);
        Assert.Equal((1, 1), (features.Frames, features.ValidFrames[0]));
        Assert.Equal(s_published.Compute((float[])[.. clip, .. new float[240]]).Values, features.Values);
        Assert.Equal(0, s_published.Compute(ReadOnlySpan<float>.Empty).ValidFrames[0]);
    }

    [Theory]
    [InlineData(true, 0.97)]
    [InlineData(false, 0.97)]
    [InlineData(true, 0.0)]
    [InlineData(false, 0.0)]
    public void Compute_EveryVariant_MatchesTheFormulas(bool htk, double preemphasis)
    {
        FeatureExtractorConfig config = new()
        {
            FeatureSize = 20,
            FrameLength = 200,
            HopLength = 80,
            FftLength = 256,
            SamplingRate = 8000,
            MaxFrequency = 3800,
            Preemphasis = preemphasis,
            PreemphasisHtkFlavor = htk,
            InputScaleFactor = 3,
            PaddingValue = 0.01,
            MelFloor = 1e-3,
            PerBinMean = [.. Enumerable.Range(0, 20).Select(i => 0.1 * i)],
            PerBinStddev = [.. Enumerable.Range(0, 20).Select(i => 1 + 0.1 * i)],
        };
        float[] samples = Noise(1000);
        MelFeatures features = new LogMelSpectrogram(config).Compute(samples);
        Assert.Equal((1024 - 201) / 80 + 1, features.Frames);
        Assert.Equal(features.Frames, features.ValidFrames[0]);

        for (int frame = 0; frame < features.Frames; frame++)
        {
            double[] x = [.. Enumerable.Range(80 * frame, 201).Select(n => 3 * (n < samples.Length ? samples[n] : 0.01))];
            double[] spectrum = Spectrum(x, htk, preemphasis);
            MelFilterBank bank = new(20, 125, 3800, 129, 31.25);
            for (int m = 0; m < 20; m++)
            {
                double log = Math.Log(Math.Max(bank.Energy(spectrum, m), 1e-3));
                Assert.Equal((log - 0.1 * m) / (1 + 0.1 * m), features.Values[frame * 20 + m], 1e-4);
            }
        }
    }

    [Fact]
    public void Compute_TwoThreads_GivesTheSameBits()
    {
        using WorkerTeam team = new(2);
        float[] clip = Wav("five-seconds");
        Assert.Equal(s_published.Compute(clip).Values, s_published.Compute(clip, team).Values);
    }

    [Fact]
    public void ComputeFrames_InPieces_GivesTheSameBits()
    {
        float[] clip = Wav("speech");
        float[] whole = s_published.Compute(clip).Values;
        float[] pieces = new float[whole.Length];
        for (int frame = 0; frame < whole.Length / 128; frame += 20)
        {
            int count = Math.Min(20, whole.Length / 128 - frame);
            s_published.ComputeFrames(clip.AsSpan(160 * frame), count, pieces.AsSpan(128 * frame, 128 * count));
        }

        Assert.Equal(whole, pieces);
    }

    [Fact]
    public void ComputeBatch_NoClip_Throws() => Assert.Throws<ArgumentException>(() => s_published.ComputeBatch([]));

    static double[] Spectrum(double[] x, bool htk, double preemphasis)
    {
        double[] magnitudes = new double[129];
        for (int k = 0; k < magnitudes.Length; k++)
        {
            double re = 0, im = 0;
            for (int n = 0; n < 200; n++)
            {
                double e = preemphasis == 0 ? x[n]
                    : !htk ? x[n + 1] - preemphasis * x[n]
                    : n == 0 ? (1 - preemphasis) * x[0]
                    : x[n] - preemphasis * x[n - 1];
                e *= 0.5 * (1 - Math.Cos(2 * Math.PI * n / 200));
                (double sin, double cos) = Math.SinCos(-2 * Math.PI * (k * n % 256) / 256);
                re += e * cos;
                im += e * sin;
            }

            magnitudes[k] = Math.Sqrt(re * re + im * im);
        }

        return magnitudes;
    }
}
