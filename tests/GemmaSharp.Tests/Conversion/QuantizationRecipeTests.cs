namespace GemmaSharp.Tests.Conversion;

/// <summary>Mixed recipes against mlx-vlm's rule, written out for the real models' depths.</summary>
public sealed class QuantizationRecipeTests
{
    public static TheoryData<int, int[]> Raised => new()
    {
        // Below ⌊L/8⌋, from ⌊7L/8⌋ on, and every third between.
        { 30, [0, 1, 2, 5, 8, 11, 14, 17, 20, 23, 26, 27, 28, 29] },
        { 35, [0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 31, 32, 33, 34] },
        { 6, [2, 5] },
    };

    [Theory]
    [MemberData(nameof(Raised))]
    public void For_MixedRecipe_RaisesTheLayersOfTheRule(int layers, int[] raised)
    {
        QuantizationRecipe recipe = QuantizationRecipe.Named("mixed_3_6");
        foreach (string projection in (string[])["self_attn.v_proj", "mlp.down_proj"])
        {
            Assert.Equal(raised, Enumerable.Range(0, layers).Where(layer => recipe.For($"language_model.layers.{layer}.{projection}", layers)!.Bits == 6));
        }

        Assert.All(Enumerable.Range(0, layers), layer => Assert.Equal(3, recipe.For($"language_model.layers.{layer}.self_attn.q_proj", layers)!.Bits));
        Assert.Equal(6, recipe.For("language_model.embed_tokens", layers)!.Bits);
        Assert.Equal(6, recipe.For("language_model.embed_tokens_per_layer", layers)!.Bits);
        Assert.Equal(6, recipe.For("lm_head", layers)!.Bits);
        Assert.Equal(3, recipe.For("embed_vision.embedding_projection", layers)!.Bits);
        Assert.Null(recipe.For("audio_tower.conformer.0.attention.attn.q_proj", layers));
        Assert.Null(recipe.For("vision_tower.timm_model.blocks.0.0.conv_exp", layers));
    }

    [Fact]
    public void Names_AreMlxVlms_AndEachIsARecipe()
    {
        Assert.Equal(["mixed_2_6", "mixed_3_4", "mixed_3_5", "mixed_3_6", "mixed_3_8", "mixed_4_6", "mixed_4_8"], QuantizationRecipe.Names);
        foreach (string name in QuantizationRecipe.Names)
        {
            QuantizationRecipe recipe = QuantizationRecipe.Named(name);
            Assert.Equal(name, $"mixed_{recipe.Format.Bits}_{recipe.HighFormat!.Bits}");
            Assert.Equal((64, 64), (recipe.Format.GroupSize, recipe.HighFormat.GroupSize));
        }

        Assert.Contains("mixed_2_6", Assert.Throws<ConversionException>(() => QuantizationRecipe.Named("mixed_9_9")).Message, StringComparison.Ordinal);
    }
}
