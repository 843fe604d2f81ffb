using GemmaSharp.Configuration;
using GemmaSharp.Model.Vision;

namespace GemmaSharp.Tests.Model.Vision;

public sealed class VisionNetworkTests
{
    static readonly VisionBlockArgs s_block = new() { BlockType = "uir", OutChs = 16, Stride = 2, ExpRatio = 2 };

    [Theory]
    [InlineData(64, 64)]
    [InlineData(0, 8)]
    [InlineData(11, 16)]
    [InlineData(12, 16)]
    [InlineData(20, 24)]
    [InlineData(19, 24)]
    [InlineData(80, 80)]
    [InlineData(83.9, 80)]
    public void MakeDivisible_AnyValue_IsTheNearestMultipleNotATenthBelow(double value, int expected) =>
        Assert.Equal(expected, VisionNetwork.MakeDivisible(value));

    [Fact]
    public void Stages_PublishedTower_HaveTheKnownBlocks()
    {
        VisionNetwork network = new(new VisionConfig());
        Assert.Equal([3, 5, 37, 39], network.Stages.Select(s => s.Count));
        Assert.Equal([128, 256, 640, 1280], network.Stages.Select(s => s[^1].OutChannels));
        Assert.Equal([256, 768, 1536, 3840], network.Stages.Select(s => s[0].MidChannels));
        Assert.Equal([3, 4], network.FusedFeatures);
        Assert.Equal(1920, network.FusedChannels);
        Assert.Equal(33, network.Stages.Sum(s => s.Count(b => b.Args.BlockType == "mqa")));
        Assert.All(network.Stages, s => Assert.All(s.Skip(1), b => Assert.True(b.Skip)));
    }

    [Theory]
    [InlineData(-6)]
    [InlineData(5)]
    public void Constructor_FeatureOutOfRange_Throws(int index) => AssertRefused(
        "msfa_indices", new VisionModelArgs { MsfaIndices = [index, -1] });

    [Fact]
    public void Constructor_NoFeatures_Throws() => AssertRefused("msfa_indices", new VisionModelArgs { MsfaIndices = [] });

    [Fact]
    public void Constructor_StrideBeyond32_Throws() => AssertRefused(
        "block_args", new VisionModelArgs { BlockArgs = [[s_block], [s_block], [s_block], [s_block], [s_block]] });

    [Fact]
    public void Constructor_BlockWithoutItsSizes_Throws()
    {
        VisionBlockArgs attention = s_block with { BlockType = "mqa", NumHeads = 2, KeyDim = 8, ValueDim = 8 };
        foreach (VisionBlockArgs block in new[]
        {
            s_block with { BlockType = "er" },
            attention with { NumHeads = 0 },
            attention with { KeyDim = 0 },
            attention with { ValueDim = 0 },
            attention with { KvStride = 2 },
        })
        {
            AssertRefused("block_args", new VisionModelArgs { BlockArgs = [[block]], MsfaIndices = [-1] });
        }
    }

    static void AssertRefused(string key, VisionModelArgs args)
    {
        ConfigurationException exception = Assert.Throws<ConfigurationException>(() => new VisionNetwork(new VisionConfig { ModelArgs = args }));
        Assert.Equal($"$.vision_config.model_args.{key}", exception.JsonPath);
    }
}
