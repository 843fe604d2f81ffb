using GemmaSharp.Checkpoints;

namespace GemmaSharp.Tests.Checkpoints;

public sealed class TensorNamesTests
{
    [Theory]
    // Hugging Face
    [InlineData("model.language_model.layers.0.mlp.gate_proj.weight", "language_model.layers.0.mlp.gate_proj.weight")]
    [InlineData("model.vision_tower.timm_model.conv_stem.conv.bias", "vision_tower.timm_model.conv_stem.conv.bias")]
    [InlineData("model.audio_tower.conformer.0.norm.weight", "audio_tower.conformer.0.norm.weight")]
    [InlineData("model.embed_vision.embedding.weight", "embed_vision.embedding.weight")]
    [InlineData("model.embed_audio.embedding.weight", "embed_audio.embedding.weight")]
    [InlineData("lm_head.weight", "lm_head.weight")]
    // mlx-vlm
    [InlineData("language_model.model.layers.0.mlp.gate_proj.scales", "language_model.layers.0.mlp.gate_proj.scales")]
    [InlineData("language_model.lm_head.weight", "lm_head.weight")]
    [InlineData("vision_tower.timm_model.msfa.norm.weight", "vision_tower.timm_model.msfa.norm.weight")]
    [InlineData("embed_audio.embedding.biases", "embed_audio.embedding.biases")]
    // pre-release
    [InlineData("model.language_model.model.norm.weight", "language_model.norm.weight")]
    [InlineData("model.language_model.lm_head.scales", "lm_head.scales")]
    // unknown
    [InlineData("model.norm.weight", "model.norm.weight")]
    [InlineData("something.else", "something.else")]
    public void Canonical_EveryScheme_IsTheSameName(string stored, string canonical) => Assert.Equal(canonical, TensorNames.Canonical(stored));

    [Theory]
    [InlineData("model.norm.weight", "language_model.norm.weight")]
    [InlineData("model.layers.3.altup.correct_output_scale", "language_model.layers.3.altup.correct_output_scale")]
    [InlineData("lm_head.weight", "lm_head.weight")]
    public void Canonical_TextOnly_IsTheLanguageModel(string stored, string canonical) => Assert.Equal(canonical, TensorNames.Canonical(stored, textOnly: true));

    [Theory]
    [InlineData("language_model.norm.weight", "model.language_model.norm.weight", "language_model.model.norm.weight")]
    [InlineData("lm_head.weight", "lm_head.weight", "language_model.lm_head.weight")]
    [InlineData("embed_vision.embedding.weight", "model.embed_vision.embedding.weight", "embed_vision.embedding.weight")]
    public void HuggingFaceAndMlx_Canonical_GoThereAndBack(string canonical, string huggingFace, string mlx)
    {
        Assert.Equal(huggingFace, TensorNames.HuggingFace(canonical));
        Assert.Equal(mlx, TensorNames.Mlx(canonical));
        Assert.Equal(canonical, TensorNames.Canonical(huggingFace));
        Assert.Equal(canonical, TensorNames.Canonical(mlx));
    }
}
