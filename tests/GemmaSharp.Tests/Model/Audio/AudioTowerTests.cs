using GemmaSharp.Checkpoints;
using GemmaSharp.Cli.Bench;
using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Model.Audio;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Model.Audio;

public sealed class AudioTowerTests
{
    static readonly AudioConfig s_causal = new()
    {
        InputFeatSize = 20,
        HiddenSize = 24,
        ConfNumAttentionHeads = 3,
        ConfNumHiddenLayers = 2,
        SscpConvChannelSize = [6, 5],
        ConfConvKernelSize = 3,
        ConfAttentionChunkSize = 4,
        ConfAttentionContextLeft = 5,
    };

    /// <summary>Configurations that differ in everything the tower reads.</summary>
    static AudioConfig Configuration(string name) => name switch
    {
        "causal" => s_causal,
        "lookahead" => s_causal with { ConfAttentionContextRight = 3 },
        "no-past" => s_causal with { ConfAttentionContextLeft = 1, ConfConvKernelSize = 1, ConfReductionFactor = 1, ConfNumHiddenLayers = 1 },
        "strides" => s_causal with
        {
            SscpConvKernelSize = [[2, 3], [4, 2]],
            SscpConvStrideSize = [[3, 1], [1, 2]],
            ConfReductionFactor = 3,
            ConfAttentionChunkSize = 3,
            ConfAttentionContextLeft = 9,
        },
        "skips" => s_causal with { SscpConvKernelSize = [[1, 3], [2, 3]], SscpConvStrideSize = [[2, 2], [5, 2]], ConfReductionFactor = 2 },
        "clipped" => s_causal with { GradientClipping = 0.8f, ConfAttentionLogitCap = 0.5f, ConfResidualWeight = 0.7f },
        _ => throw new ArgumentException(name, nameof(name)),
    };

    static AudioCheckpoint Create(AudioConfig config) => AudioCheckpoint.Create(config, Weights);

    static float[] Weights(int number, string name, long[] shape)
    {
        float[] values = new float[shape.Aggregate(1L, (size, axis) => size * axis)];
        double fan = shape.Skip(1).Aggregate(1.0, (product, axis) => product * axis);
        for (int i = 0; i < values.Length; i++)
        {
            double x = 2 * WeightRule.U((uint)(7919 * number + i));
            values[i] = (float)(shape.Length > 1 ? x * Math.Sqrt(3 / fan) : name.EndsWith("per_dim_scale", StringComparison.Ordinal) ? x : 1 + 0.3 * x);
        }

        return values;
    }

    static float[] Mel(int frames, int bands, uint seed = 5) =>
        [.. Enumerable.Range(0, frames * bands).Select(i => (float)(-1 + 6 * WeightRule.U((uint)i + 1_000_000 * seed)))];

    static float[] Forward(AudioTower tower, float[] mel, int frames, int[] valid, WorkerTeam team)
    {
        float[] destination = new float[valid.Length * tower.OutputFrames(frames) * tower.Width];
        tower.Forward(mel, frames, valid, destination, team);
        return destination;
    }

    [Theory]
    [InlineData("causal")]
    [InlineData("lookahead")]
    [InlineData("no-past")]
    [InlineData("strides")]
    [InlineData("skips")]
    [InlineData("clipped")]
    public void Forward_EveryConfiguration_MatchesPlainLoopsInDouble(string name)
    {
        AudioConfig config = Configuration(name);
        using AudioCheckpoint checkpoint = Create(config);
        PlainAudioTower plain = new(
            config, AudioCheckpoint.Parameters(config).Select((p, i) => (p.Name, Weights(i, p.Name, p.Shape))).ToDictionary());
        using WorkerTeam team = new(2);
        foreach ((int frames, int valid) in ((int, int)[])
            [(1, 1), (2, 2), (5, 5), (16, 16), (17, 17), (67, 67), (70, 31), (70, 1), (70, 0), (140, 139), (401, 401)])
        {
            float[] mel = Mel(frames, config.InputFeatSize);
            double[][] expected = plain.Forward(mel, frames, valid);
            float[] actual = Forward(checkpoint.Tower, mel, frames, [valid], team);
            Assert.Equal(expected.Length, checkpoint.Tower.OutputFrames(frames));
            Assert.Equal(expected.Count(row => row.Any(v => v != 0)), checkpoint.Tower.ValidOutputFrames(frames, valid));
            double largest = expected.Max(row => row.Max(Math.Abs));
            double error = expected.SelectMany(row => row).Zip(actual, (e, a) => Math.Abs(e - a)).Max();
            Assert.True(error <= 2e-5 * largest, $"{frames} frames, {valid} valid: {error:E2} of {largest:E2}");
        }
    }

    [Theory]
    [InlineData("causal", 3)]
    [InlineData("causal", 0)]
    [InlineData("lookahead", 20)]
    [InlineData("strides", 9)]
    public void Forward_PaddedQueriesWithoutAnyKey_AverageTheirBlockAsTheReference(string name, int valid)
    {
        AudioConfig config = Configuration(name);
        using AudioCheckpoint checkpoint = Create(config);
        PlainAudioTower plain = new(
            config, AudioCheckpoint.Parameters(config).Select((p, i) => (p.Name, Weights(i, p.Name, p.Shape))).ToDictionary());
        using WorkerTeam team = new(2);
        float[] mel = Mel(90, config.InputFeatSize);
        plain.Forward(mel, 90, valid);
        RecordingTrace trace = new();
        checkpoint.Tower.Forward(mel, 90, [valid], new float[checkpoint.Tower.OutputFrames(90) * config.HiddenSize], team, trace);

        double[] expected = [.. plain.FirstAttention!.SelectMany(row => row)];
        float[] actual = trace["audio_tower.conformer.0.attention"];
        Assert.Equal(expected.Length, actual.Length);
        Assert.True(expected.Zip(actual, (e, a) => Math.Abs(e - a)).Max() <= 2e-5 * expected.Max(Math.Abs));
    }

    // Frames around every boundary of the sub-sampling, the blocks and the pieces the sub-sampling works in.
    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(2, 1, 1)]
    [InlineData(3, 1, 1)]
    [InlineData(4, 1, 1)]
    [InlineData(5, 2, 1)]
    [InlineData(14, 4, 1)]
    [InlineData(15, 4, 1)]
    [InlineData(16, 4, 1)]
    [InlineData(17, 5, 2)]
    [InlineData(32, 8, 2)]
    [InlineData(33, 9, 3)]
    [InlineData(47, 12, 3)]
    [InlineData(48, 12, 3)]
    [InlineData(49, 13, 4)]
    [InlineData(63, 16, 4)]
    [InlineData(64, 16, 4)]
    [InlineData(65, 17, 5)]
    [InlineData(97, 25, 7)]
    [InlineData(128, 32, 8)]
    [InlineData(129, 33, 9)]
    [InlineData(190, 48, 12)]
    public void Forward_EveryLength_HasTheReferencesStepsAndIsCausal(int frames, int steps, int outputs)
    {
        using AudioCheckpoint checkpoint = Create(s_causal);
        AudioTower tower = checkpoint.Tower;
        using WorkerTeam team = new(1);
        Assert.Equal(outputs, tower.OutputFrames(frames));
        Assert.Equal(outputs, tower.ValidOutputFrames(frames, frames));

        float[] mel = Mel(frames + 40, 20);
        RecordingTrace trace = new();
        float[] destination = new float[outputs * tower.Width];
        tower.Forward(mel, frames, destination, team, trace);
        Assert.Equal(steps, trace.Shape("audio_tower.conformer.1")[1]);
        Assert.All(destination, v => Assert.True(float.IsFinite(v)));

        // Step t looks no further than frame 4 t + 6, so what follows a clip only touches steps that reach beyond it.
        float[] longer = Forward(tower, mel, frames + 40, [frames + 40], team);
        int settled = Enumerable.Range(0, outputs).Count(row => 16 * row + 6 < frames);
        Assert.Equal(destination[..(settled * tower.Width)], longer[..(settled * tower.Width)]);
    }

    [Theory]
    [InlineData(2997, 750, 188)]
    [InlineData(497, 125, 32)]
    [InlineData(0, 0, 0)]
    public void OutputFrames_PublishedConfig_IsTheReferences(int frames, int steps, int outputs)
    {
        AudioTower tower = new(new ParameterScope(new ParameterReader([], headersOnly: true, turnVisionKernels: false), "audio_tower"), new());
        Assert.Equal(outputs, tower.OutputFrames(frames));
        Assert.Equal(steps, tower.Steps(frames));
        Assert.Throws<ArgumentOutOfRangeException>(() => tower.OutputFrames(-1));
    }

    [Fact]
    public void Forward_BatchOfUnequalClips_GivesEachClipTheBitsItHasAlone()
    {
        using AudioCheckpoint checkpoint = Create(s_causal);
        AudioTower tower = checkpoint.Tower;
        using WorkerTeam team = new(2);
        int[] valid = [70, 0, 33, 69];
        float[][] clips = [.. valid.Select((_, i) => Mel(70, 20, (uint)i))];
        float[] batch = Forward(tower, [.. clips.SelectMany(mel => mel)], 70, valid, team);
        float[][] alone = [.. clips.Select((mel, i) => Forward(tower, mel, 70, [valid[i]], team))];
        Assert.Equal(alone.SelectMany(rows => rows), batch);

        RecordingTrace trace = new();
        float[] traced = new float[batch.Length];
        tower.Forward(clips.SelectMany(mel => mel).ToArray(), 70, valid, traced, team, trace);
        Assert.Equal(batch, traced);
        Assert.Equal([4, 18, 24], trace.Shape("audio_tower.conformer.0.attention").AsEnumerable());
        Assert.Equal([4, 35, 10, 6], trace.Shape("audio_tower.subsample_conv_projection.conv_0.norm").AsEnumerable());
    }

    [Fact]
    public void Forward_OneOrMoreThreads_GivesTheSameBits()
    {
        using AudioCheckpoint checkpoint = Create(s_causal);
        float[] mel = Mel(300, 20);
        using WorkerTeam one = new(1);
        float[] expected = Forward(checkpoint.Tower, mel, 300, [300], one);
        foreach (int threads in (int[])[2, 3])
        {
            using WorkerTeam team = new(threads);
            Assert.Equal(expected, Forward(checkpoint.Tower, mel, 300, [300], team));
        }
    }

    [Fact]
    public void Encode_PartByPart_GivesTheBitsOfForward()
    {
        using AudioCheckpoint checkpoint = Create(s_causal);
        AudioTower tower = checkpoint.Tower;
        using WorkerTeam team = new(2);
        float[] first = Mel(300, 20), second = Mel(170, 20, 6);
        float[] a = new float[tower.OutputFrames(300) * tower.Width], b = new float[tower.OutputFrames(170) * tower.Width];
        using Pass p = new(team);
        using Pass q = new(team);

        // Two clips that take turns, each in a pass of its own.
        using IEnumerator<int> other = tower.Encode(second, 170, [170], b, q).GetEnumerator();
        List<int> parts = [];
        foreach (int part in tower.Encode(first, 300, [300], a, p))
        {
            parts.Add(part);
            Assert.True(other.MoveNext());
        }

        Assert.False(other.MoveNext());
        Assert.Equal([1, 2, 3], parts);
        Assert.Equal(Forward(tower, first, 300, [300], team), a);
        Assert.Equal(Forward(tower, second, 170, [170], team), b);
    }

    [Fact]
    public void Encode_LeftUnfinished_WritesNothing()
    {
        using AudioCheckpoint checkpoint = Create(s_causal);
        AudioTower tower = checkpoint.Tower;
        using WorkerTeam team = new(2);
        float[] destination = new float[tower.OutputFrames(90) * tower.Width];
        using Pass p = new(team);
        Assert.Equal(2, tower.Encode(Mel(90, 20), 90, [90], destination, p).Take(2).Last());
        Assert.All(destination, v => Assert.Equal(0, v));
        Assert.Empty(tower.Encode([], 90, [], [], p));
    }

    [Fact]
    public void Encode_ThirtySeconds_HoldsSevenActivationsOfScratch()
    {
        AudioConfig config = s_causal with { HiddenSize = 240, ConfNumHiddenLayers = 3 };
        using AudioCheckpoint checkpoint = AudioCheckpoint.Create(config, seed: 3);
        AudioTower tower = checkpoint.Tower;
        using WorkerTeam team = new(2);
        using Pass p = new(team);
        float[] destination = new float[tower.OutputFrames(2997) * tower.Width];
        Assert.Equal(4, tower.Encode(Mel(2997, 20), 2997, [2997], destination, p).Last());
        Assert.Equal(7 * 750 * 240 * sizeof(float), p.Bytes);
    }

    [Fact]
    public void Forward_UnfitArguments_AreRefused()
    {
        using AudioCheckpoint checkpoint = Create(s_causal);
        AudioTower tower = checkpoint.Tower;
        using WorkerTeam team = new(1);
        Assert.Throws<ArgumentOutOfRangeException>(() => tower.Forward([], 0, new float[24], team));
        Assert.Throws<ArgumentException>(() => tower.Forward(new float[19], 1, new float[24], team));
        Assert.Throws<ArgumentException>(() => tower.Forward(new float[20], 1, new float[23], team));
        Assert.Throws<ArgumentException>(() => tower.Forward(new float[20], 1, [2], new float[24], team));
        Assert.Throws<ArgumentException>(() => tower.Forward(new float[20], 1, [-1], new float[24], team));
    }

    [Fact]
    public void Constructor_ImpossibleSubsampling_IsRefusedByItsKey()
    {
        Assert.Contains("sscp_conv_channel_size has 3", Refusal(s_causal with { SscpConvChannelSize = [1, 2, 3] }), StringComparison.Ordinal);
        Assert.Contains("sscp_conv_stride_size has 1", Refusal(s_causal with { SscpConvStrideSize = [[2, 2]] }), StringComparison.Ordinal);
        Assert.Contains("sscp_conv_kernel_size[1][1] is 31", Refusal(s_causal with { SscpConvKernelSize = [[3, 3], [3, 31]] }), StringComparison.Ordinal);

        static string Refusal(AudioConfig config) => Assert.Throws<ConfigurationException>(() => AudioCheckpoint.Parameters(config)).Message;
    }
}
