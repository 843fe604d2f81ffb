using System.Security.Cryptography;
using System.Text.Json;
using GemmaSharp.Cli.Bench;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Bench;

public sealed class WeightRuleTests
{
    [Fact]
    public void U_KnownArguments_GivesReferenceValues()
    {
        Assert.Equal(-0.5, WeightRule.U(0));
        Assert.Equal(-0.13641976518556476, WeightRule.U(1));
        Assert.Equal(0.3319404227659106, WeightRule.U(2));
        Assert.Equal(0.2512890435755253, WeightRule.U(1000003));
    }

    [Theory]
    [InlineData("tiny-a")]
    [InlineData("tiny-b")]
    [InlineData("tiny-c")]
    public void Fill_EveryTensor_HasReferenceHash(string checkpoint)
    {
        using JsonDocument list = JsonDocument.Parse(File.ReadAllBytes(GoldenFiles.Find($"{checkpoint}/tensors.json")));
        List<TinyTensor> tensors = TinyCheckpoint.Tensors(checkpoint);
        Assert.Equal(list.RootElement.EnumerateObject().Count(), tensors.Count);
        string[] wrong = [.. tensors
            .Where(t => list.RootElement.GetProperty(t.Name).GetProperty("sha256").GetString() != Convert.ToHexStringLower(SHA256.HashData(t.Bytes)))
            .Select(t => t.Name)];
        Assert.Empty(wrong);
    }

    [Fact]
    public void Fill_FromTheMiddle_ContinuesTheSequence()
    {
        ushort[] whole = new ushort[100];
        ushort[] part = new ushort[60];
        WeightRule.Fill("model.language_model.embed_tokens.weight", [10, 10], 5, 0, whole);
        WeightRule.Fill("model.language_model.embed_tokens.weight", [10, 10], 5, 40, part);
        Assert.Equal(whole[40..], part);
    }
}
