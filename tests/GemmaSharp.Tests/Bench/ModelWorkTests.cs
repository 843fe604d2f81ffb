using GemmaSharp.Cli.Bench;
using GemmaSharp.Configuration;

namespace GemmaSharp.Tests.Bench;

/// <summary>The published model's work as counted elsewhere: a 768² picture is 436 GMAC, 30 s of sound 491 GMAC.</summary>
public sealed class ModelWorkTests
{
    [Fact]
    public void MultiplyAdds_PublishedPicture_Are436Billion() =>
        Assert.Equal(436, VisionWork.MultiplyAdds(new VisionConfig(), 768, 768).Values.Sum() / 1e9, 0.5);

    [Fact]
    public void MultiplyAdds_ThirtySecondsOfSound_Are491Billion() =>
        Assert.Equal(491, AudioWork.MultiplyAdds(new AudioConfig(), 3000) / 1e9, 1.0);

    [Fact]
    public void MultiplyAdds_OneTokenOfE2B_AreItsMatrices()
    {
        // 30 layers of 62 M, a head of 537 M and 41 M around them; the one key a first token attends to adds nothing visible.
        Assert.Equal(2.42, TextWork.MultiplyAdds(Gemma3nConfig.E2B.TextConfig, 1) / 1e9, 0.01);
    }

    [Fact]
    public void MultiplyAdds_MoreTokens_SpareSharedLayers()
    {
        TextConfig config = Gemma3nConfig.E2B.TextConfig;
        double one = TextWork.MultiplyAdds(config, 1), thousand = TextWork.MultiplyAdds(config, 1000);
        Assert.InRange(thousand, 500 * one, 800 * one);
    }
}
