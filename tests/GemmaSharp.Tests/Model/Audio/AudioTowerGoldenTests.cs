using GemmaSharp.Checkpoints;
using GemmaSharp.Cli.Bench;
using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Model.Audio;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Prompting.Sound;
using GemmaSharp.Tests.Prompting.Sound;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Model.Audio;

/// <summary>The tower against recorded outputs of the reference.</summary>
public sealed class AudioTowerGoldenTests(ITestOutputHelper output)
{
    // The size of the reference's own test.
    static readonly AudioConfig s_small = new()
    {
        InputFeatSize = 32,
        HiddenSize = 32,
        ConfNumAttentionHeads = 4,
        ConfNumHiddenLayers = 2,
        SscpConvChannelSize = [16, 8],
        ConfConvKernelSize = 3,
        ConfAttentionChunkSize = 4,
        ConfAttentionContextLeft = 5,
    };

    // The whole way from the file; every block is compared on its recorded input below.
    [Theory]
    [InlineData("tiny-a", "audio")]
    [InlineData("tiny-a", "mixed")]
    [InlineData("tiny-b", "audio")]
    [InlineData("tiny-c", "audio")]
    [InlineData("tiny-c", "mixed")]
    public void Forward_RecordedClip_MatchesReference(string checkpointName, string test)
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create(checkpointName);
        using Checkpoint checkpoint = Checkpoint.Open(tiny.Folder);
        AudioTower tower = new(checkpoint.Root["audio_tower"], checkpoint.Config.AudioConfig!);
        LogMelSpectrogram spectrogram = new(ProcessorConfig.Load(tiny.Folder).FeatureExtractor);
        Golden golden = Golden.Load($"{checkpointName}/goldens/{test}.safetensors");
        using WorkerTeam team = new(2);

        MelFeatures mel = spectrogram.Compute(WavSamples.Read(GoldenFiles.Find($"{checkpointName}/goldens/{test}-0.wav")));
        double features = golden.Compare("input.input_features", mel.Values);
        Assert.True(features <= 1e-5, $"features: {features:E2}");
        RecordingTrace trace = new();
        float[] destination = new float[tower.OutputFrames(mel.Frames) * tower.Width];
        tower.Forward(mel.Values, mel.Frames, destination, team, trace);

        string[] expected = [.. golden.Keys.Where(key => key.StartsWith("audio_tower", StringComparison.Ordinal))];
        Assert.Equal(3 + 6 * checkpoint.Config.AudioConfig!.ConfNumHiddenLayers, expected.Length);
        Assert.All(expected, key => Assert.Equal(golden.Shape(key), trace.Shape(key).AsEnumerable()));
        output.WriteLine($"features {features:E2}, tower {golden.AssertClose(trace, 1e-4):E2}");
    }

    [Theory]
    [InlineData("tiny-a", "audio")]
    [InlineData("tiny-a", "mixed")]
    [InlineData("tiny-b", "audio")]
    [InlineData("tiny-c", "audio")]
    [InlineData("tiny-c", "mixed")]
    public void Forward_EveryPartOnItsRecordedInput_MatchesReference(string checkpointName, string test)
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create(checkpointName);
        using Checkpoint checkpoint = Checkpoint.Open(tiny.Folder);
        AudioConfig config = checkpoint.Config.AudioConfig!;
        Golden golden = Golden.Load($"{checkpointName}/goldens/{test}.safetensors");
        int rows = (int)golden.Shape("audio_tower.subsample_conv_projection")[1];
        AudioSteps steps = new(rows, [rows]);
        using WorkerTeam team = new(2);
        double worst = 0;

        string before = "audio_tower.subsample_conv_projection";
        for (int i = 0; i < config.ConfNumHiddenLayers; i++)
        {
            string block = $"audio_tower.conformer.{i}";
            ParameterScope scope = checkpoint.Root[block];
            RmsNorm norm = scope.RmsNorm("norm", config.HiddenSize, config.RmsNormEps, config.GradientClipping);
            Check($"{block}.ffw_layer_start", new ConformerFeedForward(scope["ffw_layer_start"], config).Forward);
            Check($"{block}.attention", (x, p) => new ConformerAttention(scope["attention"], config).Forward(x, steps, p));
            Check($"{block}.lconv1d", (x, p) => new ConformerLightConv1d(scope["lconv1d"], config).Forward(x, steps, 1, p));
            Check($"{block}.ffw_layer_end", new ConformerFeedForward(scope["ffw_layer_end"], config).Forward);
            Check($"{block}.norm", norm.InPlace);

            before = $"{block}.ffw_layer_end";
            Check(block, norm.InPlace);
        }

        output.WriteLine($"{worst:E2}");

        void Check(string key, Func<Rows, Pass, Rows> forward)
        {
            Assert.Equal(1, golden.Stride(before));
            using Pass p = new(team);
            Rows x = p.New(rows, config.HiddenSize);
            golden.Values(before).CopyTo(x.Span);
            x = forward(x, p);
            golden.AssertClose(key, x.Span, 2e-5);
            worst = Math.Max(worst, golden.Compare(key, x.Span));
            before = key;
        }
    }

    [Fact]
    public void Forward_SmallConfigWithPadding_MatchesFloat64Reference()
    {
        using AudioCheckpoint checkpoint = AudioCheckpoint.Create(s_small, NumberedWeights);
        AudioTower tower = checkpoint.Tower;
        Assert.Equal(49, AudioCheckpoint.Parameters(s_small).Length);
        Assert.Equal(53_304, AudioCheckpoint.Parameters(s_small).Sum(p => p.Shape.Aggregate(1L, (size, axis) => size * axis)));
        float[] mel = [.. Enumerable.Range(0, 48 * 32).Select(i => (float)(4 * WeightRule.U((uint)(900_000_000 + i))))];
        RecordingTrace trace = new();
        using WorkerTeam team = new(1);
        float[] destination = new float[tower.OutputFrames(48) * 32];
        tower.Forward(mel, 48, [25], destination, team, trace);

        float[] conv0 = trace["audio_tower.subsample_conv_projection.conv_0.norm"];
        Assert.Equal([1, 24, 16, 16], trace.Shape("audio_tower.subsample_conv_projection.conv_0.norm").AsEnumerable());
        Expect([0, 0.65029018, 0.37840909], [.. conv0[..3].Select(v => Math.Max(0, v))]);
        Expect([0.73189484], conv0[(23 * 256 + 15 * 16)..]);

        float[] subsampled = trace["audio_tower.subsample_conv_projection"];
        Expect([0.95605694, 0.11740553, -0.62233281, -0.58608971], subsampled);
        Expect([-0.09753978, 0.08054547, 0.86117263, 0.278206], subsampled[(11 * 32)..]);
        Assert.Equal(0.50881226, subsampled.Average(v => Math.Abs((double)v)), 1e-5);

        Expect([1.14616564, 0.10057614, -0.21657861], trace["audio_tower.conformer.0.ffw_layer_start"]);
        Expect([-0.15966228, -0.33047191, 1.09379125], trace["audio_tower.conformer.0.attention"]);
        Expect([-1.67487281, 2.37841162, -0.09795634], trace["audio_tower.conformer.0.attention"][(6 * 32)..]);
        Expect([-0.7208299, 2.72869602, -0.79268316], trace["audio_tower.conformer.0.lconv1d"][(6 * 32)..]);

        Assert.Equal(2, tower.ValidOutputFrames(48, 25));
        Expect([0.64281519, -0.38178291, -1.08584123, -1.08042207, 0.94623365, 0.89017245], destination);
        Expect([0.62435271, -0.1863116, -0.60355239, -1.18269429, -1.13587779, -0.21860656], destination[32..]);
        Assert.All(destination[64..], v => Assert.Equal(0, v));
        Assert.Equal(0.57122680, destination.Average(v => Math.Abs((double)v)), 1e-5);

        // Without a trace the last block skips the steps that are dropped; the rest keeps its bits.
        float[] quiet = new float[destination.Length];
        tower.Forward(mel, 48, [25], quiet, team);
        Assert.Equal(destination, quiet);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Forward_ThirtySecondsAtFullWidth_MatchesReference()
    {
        AudioConfig config = new();
        using AudioCheckpoint checkpoint = AudioCheckpoint.Create(config, seed: 11);
        Golden golden = Golden.Load("full/audio.safetensors");
        const int Frames = 3000;
        float[] mel = new float[Frames * 128];
        for (int i = 0; i < mel.Length; i++)
        {
            mel[i] = (float)(-3 + 8 * WeightRule.U((uint)i));
        }

        using WorkerTeam team = new(Environment.ProcessorCount);
        RecordingTrace trace = new(golden.Contains);
        float[] destination = new float[checkpoint.Tower.OutputFrames(Frames) * config.HiddenSize];
        checkpoint.Tower.Forward(mel, Frames, destination, team, trace);
        Assert.Equal(14, trace.Names.Count);
        output.WriteLine($"{golden.AssertClose(trace, 1e-4):E2}");
    }

    [Fact]
    public void Parameters_PublishedConfig_AreTheReferences()
    {
        (string Name, long[] Shape)[] parameters = AudioCheckpoint.Parameters(new());
        Assert.Equal(269, parameters.Length);
        Assert.Equal(681_348_640, parameters.Sum(p => p.Shape.Aggregate(1L, (size, axis) => size * axis)));
    }

    static void Expect(double[] expected, float[] actual)
    {
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], actual[i], 2e-5);
        }
    }

    static float[] NumberedWeights(int number, string name, long[] shape)
    {
        double fan = shape.Skip(1).Aggregate(1.0, (product, axis) => product * axis);
        float[] values = new float[shape.Aggregate(1L, (size, axis) => size * axis)];
        for (int i = 0; i < values.Length; i++)
        {
            double x = WeightRule.U((uint)(1_000_003 * number + i));
            values[i] = (float)(shape.Length > 1 ? x * 2 * Math.Sqrt(3 / fan)
                : name.EndsWith("per_dim_scale", StringComparison.Ordinal) ? x
                : 1 + 0.2 * x);
        }

        return values;
    }
}
