using GemmaSharp.Checkpoints.Slices;
using GemmaSharp.Configuration;

namespace GemmaSharp.Tests.Checkpoints.Slices;

public class MatFormerSliceTests
{
    /// <summary>Google's table: layers, effective parameters, all parameters of the text model.</summary>
    public static TheoryData<string, int, long, long> Table => new()
    {
        { "Main model", 35, 3_980_491_248, 6_866_696_688 },
        { "Config for official E2B Model", 30, 1_905_495_648, 4_456_156_768 },
        { "Config for E1.96B (layer-level)", 30, 1_955_827_296, 4_506_488_416 },
        { "Config for E2.54B (layer-level)", 35, 2_520_873_456, 5_407_078_896 },
        { "Config for E2.69B (layer-level)", 35, 2_671_868_400, 5_558_073_840 },
        { "Config for E2.98B (layer-level)", 35, 2_973_858_288, 5_860_063_728 },
        { "Config for E3.18B (layer-level)", 35, 3_175_184_880, 6_061_390_320 },
        { "Config for E3.39B (layer-level)", 35, 3_376_511_472, 6_262_716_912 },
        { "Config for E3.59B (layer-level)", 35, 3_577_838_064, 6_464_043_504 },
        { "Config for E3.79B (layer-level)", 35, 3_779_164_656, 6_665_370_096 },
        { "Config for E2.49B (block-level)", 35, 2_470_541_808, 5_356_747_248 },
        { "Config for E2.73B (block-level)", 35, 2_722_200_048, 5_608_405_488 },
        { "Config for E2.98B (block-level)", 35, 2_973_858_288, 5_860_063_728 },
        { "Config for E3.24B (block-level)", 35, 3_225_516_528, 6_111_721_968 },
        { "Config for E3.49B (block-level)", 35, 3_477_174_768, 6_363_380_208 },
        { "Config for E3.79B (block-level)", 35, 3_728_833_008, 6_615_038_448 },
    };

    [Theory]
    [MemberData(nameof(Table))]
    public void Published_EveryRow_HasTheParametersOfTheTable(string name, int layers, long effective, long total)
    {
        TextConfig text = MatFormerSlice.Published[name].Apply(Gemma3nConfig.E4B.TextConfig);
        Assert.Equal(layers, text.NumHiddenLayers);
        Assert.Equal((effective, total), (TextParameters.Of(text).Effective, TextParameters.Of(text).Total));
    }

    [Fact]
    public void Published_Names_AreThoseOfTheTable() => Assert.Equal(Table.Select(row => row.Data.Item1), MatFormerSlice.Published.Keys);

    [Fact]
    public void Apply_OfficialE2B_IsThePublishedE2B()
    {
        TextConfig text = MatFormerSlice.Parse("e2b").Apply(Gemma3nConfig.E4B.TextConfig), published = Gemma3nConfig.E2B.TextConfig;
        Assert.Equal(published.IntermediateSize, text.IntermediateSize);
        Assert.Equal(published.LayerTypes, text.LayerTypes);
        Assert.Equal(published.ActivationSparsityPattern, text.ActivationSparsityPattern);
        Assert.Equal((30, 10), (text.NumHiddenLayers, text.NumKvSharedLayers));
        Assert.Equal([18, 19], Enumerable.Range(20, 10).Select(text.KvSourceLayer).Distinct().Order());
    }

    [Fact]
    public void Apply_MainModel_ChangesNothing()
    {
        TextConfig whole = Gemma3nConfig.E4B.TextConfig, text = MatFormerSlice.Parse("main").Apply(whole);
        Assert.Equal(whole.IntermediateSize, text.IntermediateSize);
        Assert.Equal(whole, text with { IntermediateSize = whole.IntermediateSize, LayerTypes = whole.LayerTypes, ActivationSparsityPattern = whole.ActivationSparsityPattern });
    }

    [Fact]
    public void Apply_LayersOnBothSidesOfTheSharing_KeepsKindsSparsityAndSources()
    {
        // Layers 0 and 5 have a sparsity of 0.95 and keys of their own; 34 has neither.
        TextConfig text = MatFormerSlice.Parse("16384*32;skip=0,5,34").Apply(Gemma3nConfig.E4B.TextConfig);
        Assert.Equal((32, 14, 18), (text.NumHiddenLayers, text.NumKvSharedLayers, text.FirstKvSharedLayer));
        Assert.Equal(8, text.ActivationSparsityPattern.Count(share => share == 0.95));
        Assert.Equal([3, 7, 12, 17, 22, 27], Enumerable.Range(0, 32).Where(layer => text.LayerTypes[layer] == LayerType.FullAttention));
        Assert.Equal((16, 17), (text.KvSourceLayer(18), text.KvSourceLayer(22)));
    }

    [Theory]
    [InlineData("e2b", "Config for official E2B Model")]
    [InlineData("E2B", "Config for official E2B Model")]
    [InlineData("official", "Config for official E2B Model")]
    [InlineData("E2.54B", "Config for E2.54B (layer-level)")]
    [InlineData("2.54", null)]
    [InlineData("e2.98b block", "Config for E2.98B (block-level)")]
    [InlineData("layer-level E2.98B", "Config for E2.98B (layer-level)")]
    [InlineData("main", "Main model")]
    [InlineData("e4b", "Main model")]
    [InlineData("Config for E3.79B (block-level)", "Config for E3.79B (block-level)")]
    public void Parse_NameInAnyCase_FindsTheRow(string text, string? name)
    {
        if (name is null)
        {
            Assert.Contains("no slice \"2.54\" of the published table", Assert.Throws<SliceException>(() => MatFormerSlice.Parse(text)).Message, StringComparison.Ordinal);
            return;
        }

        Assert.Same(MatFormerSlice.Published[name], MatFormerSlice.Parse(text));
    }

    [Theory]
    [InlineData("E2.98B", "add \"layer\" or \"block\"")]
    [InlineData("e3.79b", "\"Config for E3.79B (layer-level)\", \"Config for E3.79B (block-level)\"")]
    [InlineData("config", "and 11 more")]
    [InlineData("E5B", "There is no slice \"E5B\"")]
    [InlineData("e2", "There is no slice \"e2\"")]
    [InlineData("8192*", "cannot be read")]
    [InlineData("8192*x", "cannot be read")]
    [InlineData("8192*2*3", "cannot be read")]
    [InlineData("8192*2000", "cannot be read")]
    [InlineData("8192,,1", "cannot be read")]
    [InlineData("8192;skip=", null)]
    [InlineData("8192;drop=1", "cannot be read")]
    [InlineData("8192;skip=4-2", "cannot be read")]
    [InlineData("8192;skip=1;skip=2", "cannot be read")]
    [InlineData("99999999999", "There is no slice")]
    [InlineData("8192*99999999999", "cannot be read")]
    public void Parse_AnythingElse_SaysWhatThereIs(string text, string? part)
    {
        if (part is null)
        {
            Assert.Equal([8192], MatFormerSlice.Parse(text).Widths);
            return;
        }

        string message = Assert.Throws<SliceException>(() => MatFormerSlice.Parse(text)).Message;
        Assert.Contains(part, message, StringComparison.Ordinal);
        Assert.EndsWith(".", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_WidthsWrittenOut_ReadsThemAndTheLayersLeftOut()
    {
        MatFormerSlice slice = MatFormerSlice.Parse("8_192 * 4, 16384,8192*25; skip=20-23,24");
        Assert.Equal([.. Enumerable.Repeat(8192, 4), 16384, .. Enumerable.Repeat(8192, 25)], slice.Widths);
        Assert.Equal([20, 21, 22, 23, 24], slice.Skip);
        Assert.Equal([7, 8], MatFormerSlice.Parse("7,8").Widths);
    }

    [Theory]
    [InlineData("16384*34", "has 34 widths; 35 of 35 layers stay")]
    [InlineData("16384*35;skip=20", "has 35 widths; 34 of 35 layers stay")]
    [InlineData("16384*34;skip=35", "leaves out layer 35; the model has layers 0 to 34")]
    [InlineData("16384*34;skip=18", "leaves out layer 18, whose keys and values later layers use; keep layers 18 and 19")]
    [InlineData("16384*34;skip=19", "leaves out layer 19, whose keys and values")]
    [InlineData("16385,16384*34", "gives layer 0 a width of 16385; the model has 16384 units there, so use 1 to 16384")]
    [InlineData("16384*20,0,16384*9;skip=20-24", "gives layer 20 (originally 25) a width of 0")]
    public void Apply_SliceTheModelHasNot_SaysWhy(string text, string part)
    {
        MatFormerSlice slice = MatFormerSlice.Parse(text);
        Assert.Contains($"Slice \"{text}\" {part}", Assert.Throws<SliceException>(() => slice.Apply(Gemma3nConfig.E4B.TextConfig)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Apply_NoLayersAtAll_SaysWhy()
    {
        TextConfig text = Gemma3nConfig.E4B.TextConfig with { NumKvSharedLayers = 0 };
        var slice = new MatFormerSlice { Skip = [.. Enumerable.Range(0, 35)], Widths = [] };
        Assert.Contains("has 0 widths; 0 of 35 layers stay", Assert.Throws<SliceException>(() => slice.Apply(text)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Apply_PublishedSliceOfAnotherModel_SaysThatItIsForE4B()
    {
        string already = Assert.Throws<SliceException>(() => MatFormerSlice.Parse("e2b").Apply(Gemma3nConfig.E2B.TextConfig)).Message;
        Assert.Equal("Slice \"Config for official E2B Model\" is of E4B; this model has the 30 layers of width 8192 of that slice already, so load it without one.", already);
        string other = Assert.Throws<SliceException>(() => MatFormerSlice.Parse("E2.54B").Apply(Gemma3nConfig.E2B.TextConfig)).Message;
        Assert.Contains("which has 35 layers of width 16384; this model has 30 layers of width 8192, so use an E4B checkpoint or write widths out, such as \"4096*30\"", other, StringComparison.Ordinal);
    }
}
