using GemmaSharp.Checkpoints;
using GemmaSharp.Cli.Bench;
using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Model.Vision;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Model.Vision;

/// <summary>A small tower with every kind of block: golden values, other sizes against the plain tower, threads, memory.</summary>
public sealed class VisionTowerTests
{
    /// <summary>A network of the published kinds at small sizes.</summary>
    internal static VisionConfig Small { get; } = new()
    {
        ModelArgs = new VisionModelArgs
        {
            StemSize = 8,
            BlockArgs =
            [
                [Edge(16, 2), Edge(16, 1)],
                [Inverted(24, 2, 3, 5), Inverted(24, 1, 5, 0)],
                [Inverted(32, 2, 5, 5), Attention(32, 3, 2), Inverted(32, 1, 0, 0)],
                [Inverted(48, 2, 5, 5), Attention(48, 4, 1), Inverted(48, 1, 0, 0)],
            ],
        },
    };

    /// <summary>Middle maps wide enough to be held in parts only.</summary>
    static VisionConfig WideMiddle { get; } = new()
    {
        HiddenSize = 24,
        ModelArgs = new VisionModelArgs
        {
            StemSize = 8,
            MsfaOutputResolution = 5,
            BlockArgs =
            [
                [Inverted(16, 2, 3, 5) with { ExpRatio = 64 }, Inverted(16, 1, 0, 3) with { ExpRatio = 100 }],
                [Inverted(24, 2, 5, 0), Inverted(24, 1, 3, 3)],
            ],
        },
    };

    /// <summary>Columns: [0,0,0], [0,0,1], [0,1,0], last, [3,2,5], mean of absolute values. Source: timm in float64.</summary>
    static readonly (string Name, float[] Values)[] s_golden =
    [
        ("conv_stem", [0.576969f, 0.9577239f, 0.664759f, -0.1692749f, -0.1683015f, 0.570096751f]),
        ("blocks.0.0", [1.117487f, 1.037677f, 0.7733572f, -1.019504f, -1.992618f, 0.853178926f]),
        ("blocks.0.1", [1.088015f, 1.02018f, 0.7403566f, -0.6602889f, -1.833308f, 1.20539276f]),
        ("blocks.1.1", [-0.1621059f, 0.08418434f, -0.2205938f, 1.081663f, -0.8326616f, 0.562912411f]),
        ("blocks.2.0", [-0.3499382f, -0.3999495f, -0.06473082f, 1.342805f, -0.3632717f, 0.448861953f]),
        ("blocks.2.1", [-0.240984f, -0.3113419f, 0.05294974f, 0.6994735f, -0.3748366f, 0.539964187f]),
        ("blocks.2.2", [-1.151425f, -1.168611f, -0.6231668f, 0.715142f, -0.1940939f, 0.657918747f]),
        ("blocks.3.2", [0.562506f, 0.3984898f, 0.4825144f, 0.3829736f, 0.1324422f, 0.622349836f]),
        ("msfa", [0.6445726f, 1.081536f, 0.3362249f, -0.307241f, 0.4676249f, 0.795163457f]),
    ];

    static readonly float[] s_golden768 = [0.9100454f, 0.9868269f, 0.9478714f, -1.097154f, 0.686041f, 0.79417567f];

    [Fact]
    public void Forward_SmallTower_MatchesGoldenValues()
    {
        using VisionCheckpoint checkpoint = VisionCheckpoint.Create(Small, Weights(Small));
        RecordingTrace trace = Trace(checkpoint, TestPicture.Formula(256, 256), 256, 256);
        foreach ((string name, float[] values) in s_golden)
        {
            AssertColumns(name, values, trace);
        }
        AssertColumns("msfa", s_golden768, Trace(checkpoint, TestPicture.Formula(768, 768), 768, 768));
    }

    [Fact]
    public void Weights_SmallTower_AreTheFormulas()
    {
        List<TinyTensor> weights = Weights(Small);
        Assert.Equal(76, weights.Count);
        Assert.Equal(389_720, weights.Sum(t => t.Shape.Aggregate(1L, (a, b) => a * b)));
        TinyTensor first = weights.Single(t => t.Name == "blocks.0.0.bn1.weight");
        Assert.Equal([0.9f, 0.9727f, 1.0664f], [.. VisionCheckpoint.Plain([first])[first.Name].Values.Take(3).Select(v => MathF.Round((float)v, 4))]);
    }

    [Theory]
    [InlineData(256, 256)]
    [InlineData(128, 128)]
    [InlineData(384, 384)]
    [InlineData(160, 288)]
    [InlineData(97, 131)]
    [InlineData(33, 250)]
    public void Forward_AnySize_MatchesPlainTower(int height, int width)
    {
        List<TinyTensor> weights = Weights(Small);
        AssertMatchesPlain(Small, weights, height, width, 16);
    }

    [Theory]
    [InlineData(1, 1.0, true)]
    [InlineData(3, 1.0, true)]
    [InlineData(8, 0.5, false)]
    [InlineData(20, 1.5, true)]
    public void Forward_OtherArguments_MatchesPlainTower(int resolution, double multiplier, bool layerScale)
    {
        VisionConfig config = Small with
        {
            HiddenSize = 40,
            ModelArgs = Small.ModelArgs with
            {
                MsfaOutputResolution = resolution,
                ChannelMultiplier = multiplier,
                LayerScaleInitValue = layerScale ? 1e-5 : null,
            },
        };
        List<TinyTensor> weights = VisionCheckpoint.ByRule(config, seed: 5);
        Assert.Equal(layerScale, weights.Exists(t => t.Name.EndsWith("gamma", StringComparison.Ordinal)));
        AssertMatchesPlain(config, weights, 160, 130, resolution);
    }

    [Fact]
    public void Forward_MiddleMapsInParts_MatchesPlainTower()
    {
        // Middle maps wider than what is held at once: 3 parts at stride 2, 2 parts at stride 1 with a residual.
        AssertMatchesPlain(WideMiddle, VisionCheckpoint.ByRule(WideMiddle, seed: 6), 202, 255, 5);
    }

    [Fact]
    public void Forward_TransposedPictureAndKernels_GivesTheTransposedGrid()
    {
        List<TinyTensor> weights = Weights(Small);
        using VisionCheckpoint checkpoint = VisionCheckpoint.Create(Small, weights);
        using VisionCheckpoint turned = VisionCheckpoint.Create(Small, weights, new CheckpointOptions { VisionWeights = VisionWeights.Transposed });
        float[] pixels = TestPicture.Formula(256, 256);
        float[] tokens = Forward(checkpoint.Tower, pixels, 256, 256, 1);
        float[] transposed = Forward(turned.Tower, TestPicture.Transpose(pixels, 256, 256), 256, 256, 1);
        int hidden = checkpoint.Tower.HiddenSize;
        double difference = 0;
        for (int i = 0; i < tokens.Length; i++)
        {
            (int y, int x, int c) = (i / hidden / 16, i / hidden % 16, i % hidden);
            difference = Math.Max(difference, Math.Abs(tokens[i] - transposed[(((x * 16) + y) * hidden) + c]));
        }
        Assert.InRange(difference, 0, 2e-5);
    }

    [Theory]
    [InlineData(256, 256)]
    [InlineData(97, 131)]
    public void Forward_AnyNumberOfThreads_GivesTheSameBits(int height, int width)
    {
        using VisionCheckpoint checkpoint = VisionCheckpoint.Create(Small, Weights(Small));
        float[] pixels = TestPicture.Formula(height, width);
        float[] one = Forward(checkpoint.Tower, pixels, height, width, 1);
        Assert.Equal(one, Forward(checkpoint.Tower, pixels, height, width, 2));
        Assert.Equal(one, Forward(checkpoint.Tower, pixels, height, width, 5));
    }

    [Fact]
    public void Forward_ManyAtOnce_ShareTheWeights()
    {
        using VisionCheckpoint checkpoint = VisionCheckpoint.Create(Small, Weights(Small));
        float[] pixels = TestPicture.Formula(128, 96);
        float[] expected = Forward(checkpoint.Tower, pixels, 128, 96, 1);
        float[][] results = new float[4][];
        Parallel.For(0, results.Length, i => results[i] = Forward(checkpoint.Tower, pixels, 128, 96, 1));
        Assert.All(results, r => Assert.Equal(expected, r));
    }

    [Theory]
    [InlineData(256, 256, 12)]
    [InlineData(768, 768, 48)]
    [InlineData(1024, 1024, 77)]
    public void Encode_SmallTower_MemoryStaysBounded(int height, int width, int megabytes)
    {
        using VisionCheckpoint checkpoint = VisionCheckpoint.Create(Small, Weights(Small));
        Assert.InRange(PeakBytes(checkpoint.Tower, height, width, 2), 1, megabytes * 1_000_000L);
    }

    [Fact]
    public void Encode_WideMiddleMaps_AreNeverWholeInMemory()
    {
        // The middle maps of the first two blocks would take 94 and 73 MB.
        using VisionCheckpoint checkpoint = VisionCheckpoint.Create(WideMiddle, VisionCheckpoint.ByRule(WideMiddle, seed: 6));
        Assert.InRange(PeakBytes(checkpoint.Tower, 428, 428, 2), 1, 40_000_000L);
    }

    [Fact]
    public void Encode_PieceByPiece_CanStopAndBeginAgain()
    {
        using VisionCheckpoint checkpoint = VisionCheckpoint.Create(Small, Weights(Small));
        VisionTower tower = checkpoint.Tower;
        float[] pixels = TestPicture.Formula(97, 131), expected = Forward(tower, pixels, 97, 131, 1);
        float[] tokens = new float[expected.Length];
        using WorkerTeam team = new(2);
        using Pass pass = new(team);
        using (pass.Enter())
        {
            Assert.Equal([1, 2, 3, 4], tower.Encode(pixels, 97, 131, tokens, pass).Take(4));
            Assert.All(tokens, t => Assert.Equal(0f, t));
        }

        Assert.Equal(Enumerable.Range(1, 1 + Small.ModelArgs.BlockArgs!.Sum(stage => stage.Count)), tower.Encode(pixels, 97, 131, tokens, pass));
        Assert.Equal(expected, tokens);
    }

    [Fact]
    public void Declarations_PublishedTower_AreTheKnownTensors()
    {
        List<(string Name, long[] Shape)> tensors = VisionCheckpoint.Declarations(new VisionConfig());
        Assert.Equal(548, tensors.Count);
        Assert.Equal(294_126_912, tensors.Sum(t => t.Shape.Aggregate(1L, (a, b) => a * b)));
        Assert.Equal(116, tensors.Count(t => t.Name.EndsWith(".bn.weight", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(0.5, 99_380_928)]
    [InlineData(0.25, 37_827_456)]
    [InlineData(0.125, 16_005_600)]
    [InlineData(0.0625, 7_333_392)]
    [InlineData(0.03125, 3_699_008)]
    public void Declarations_ChannelMultiplier_CountsTheKnownParameters(double multiplier, long parameters)
    {
        VisionConfig config = new() { ModelArgs = new VisionModelArgs { ChannelMultiplier = multiplier } };
        List<(string Name, long[] Shape)> tensors = VisionCheckpoint.Declarations(config);
        Assert.Equal(548, tensors.Count);
        Assert.Equal(parameters, tensors.Sum(t => t.Shape.Aggregate(1L, (a, b) => a * b)));
    }

    [Theory]
    [InlineData(31, 256)]
    [InlineData(256, 2049)]
    [InlineData(int.MaxValue, int.MaxValue)]
    public void Forward_SideOutOfRange_Throws(int height, int width)
    {
        using VisionCheckpoint checkpoint = VisionCheckpoint.Create(Small, Weights(Small));
        using WorkerTeam team = new(1);
        Assert.Throws<ArgumentOutOfRangeException>(() => checkpoint.Tower.Forward([], height, width, [], team, null));
    }

    [Fact]
    public void Forward_WrongLength_Throws()
    {
        using VisionCheckpoint checkpoint = VisionCheckpoint.Create(Small, Weights(Small));
        using WorkerTeam team = new(1);
        Assert.Throws<ArgumentException>(() => checkpoint.Tower.Forward(new float[7], 64, 64, new float[256 * 2048], team, null));
        Assert.Throws<ArgumentException>(() => checkpoint.Tower.Forward(new float[3 * 64 * 64], 64, 64, new float[7], team, null));
    }

    /// <summary>Every tensor follows from its place in the sorted list of names.</summary>
    internal static List<TinyTensor> Weights(VisionConfig config)
    {
        List<TinyTensor> weights = [];
        uint number = 0;
        foreach ((string name, long[] shape) in VisionCheckpoint.Declarations(config).OrderBy(d => d.Name, StringComparer.Ordinal))
        {
            float[] values = new float[shape.Aggregate(1L, (a, b) => a * b)];
            double fan = shape.Skip(1).Aggregate(1.0, (a, b) => a * b);
            for (uint i = 0; i < values.Length; i++)
            {
                double x = WeightRule.U(unchecked((1000003 * number) + i));
                values[i] = (float)(shape.Length == 4 ? x * 2 * Math.Sqrt(3 / fan)
                    : name.EndsWith("gamma", StringComparison.Ordinal) ? 0.5 + (0.5 * x)
                    : name.EndsWith("bias", StringComparison.Ordinal) ? 0.1 * x
                    : 1 + (0.2 * x));
            }
            weights.Add(VisionCheckpoint.Single(name, shape, values));
            number++;
        }
        return weights;
    }

    static void AssertMatchesPlain(VisionConfig config, List<TinyTensor> weights, int height, int width, int resolution)
    {
        using VisionCheckpoint checkpoint = VisionCheckpoint.Create(config, weights);
        float[] pixels = TestPicture.Formula(height, width);
        RecordingTrace trace = Trace(checkpoint, pixels, height, width);
        Dictionary<string, PlainTower.Map> plain = new PlainTower(VisionCheckpoint.Plain(weights), resolution).Forward(pixels, height, width);
        Assert.Equal(plain.Count, trace.Names.Count);
        foreach ((string name, PlainTower.Map map) in plain)
        {
            string key = $"vision_tower.timm_model.{name}";
            Assert.Equal([1, map.Channels, map.Height, map.Width], trace.Shape(key));
            double largest = map.Values.Max(Math.Abs);
            double difference = map.Values.Zip(trace[key], (a, b) => Math.Abs(a - b)).Max();
            Assert.True(difference <= 2e-5 * largest, $"{name} differs by {difference} of {largest}.");
        }
    }

    static void AssertColumns(string name, float[] expected, RecordingTrace trace)
    {
        string key = $"vision_tower.timm_model.{name}";
        long[] shape = trace.Shape(key);
        float[] values = trace[key];
        long plane = shape[2] * shape[3];
        float[] found = [values[0], values[1], values[shape[3]], values[^1], values[(3 * plane) + (2 * shape[3]) + 5], values.Average(Math.Abs)];
        for (int i = 0; i < found.Length; i++)
        {
            Assert.True(Math.Abs(found[i] - expected[i]) <= 1e-4, $"{name}, column {i}: {found[i]} instead of {expected[i]}.");
        }
    }

    static RecordingTrace Trace(VisionCheckpoint checkpoint, float[] pixels, int height, int width)
    {
        RecordingTrace trace = new();
        using WorkerTeam team = new(2);
        float[] tokens = new float[checkpoint.Tower.TokensPerImage * checkpoint.Tower.HiddenSize];
        checkpoint.Tower.Forward(pixels, height, width, tokens, team, trace);
        return trace;
    }

    static float[] Forward(VisionTower tower, float[] pixels, int height, int width, int threads)
    {
        using WorkerTeam team = new(threads);
        float[] tokens = new float[tower.TokensPerImage * tower.HiddenSize];
        tower.Forward(pixels, height, width, tokens, team, null);
        return tokens;
    }

    /// <summary>The most scratch that a pass holds after any piece.</summary>
    internal static long PeakBytes(VisionTower tower, int height, int width, int threads)
    {
        using WorkerTeam team = new(threads);
        using Pass pass = new(team);
        float[] tokens = new float[tower.TokensPerImage * tower.HiddenSize];
        long before = tower.Encode(TestPicture.Formula(height, width), height, width, tokens, pass).Max(_ => pass.Bytes);
        return Math.Max(before, pass.Bytes);
    }

    static VisionBlockArgs Edge(int channels, int stride) =>
        new() { BlockType = "er", OutChs = channels, Stride = stride, ExpKernelSize = 3, ExpRatio = 2 };

    static VisionBlockArgs Inverted(int channels, int stride, int start, int mid) =>
        new() { BlockType = "uir", OutChs = channels, Stride = stride, DwKernelSizeStart = start, DwKernelSizeMid = mid, ExpRatio = 2 };

    static VisionBlockArgs Attention(int channels, int heads, int keyStride) => new()
    {
        BlockType = "mqa",
        OutChs = channels,
        NumHeads = heads,
        KeyDim = 8,
        ValueDim = 8,
        KvStride = keyStride,
        DwKernelSize = 3,
    };
}
