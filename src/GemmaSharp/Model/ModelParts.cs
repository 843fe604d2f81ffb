using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Model.Audio;
using GemmaSharp.Model.Text;
using GemmaSharp.Model.Vision;

namespace GemmaSharp.Model;

/// <summary>The modules of a model, each having asked the checkpoint for its parameters.</summary>
/// <param name="Text">The language model.</param>
/// <param name="Vision">The vision tower, where the checkpoint has one.</param>
/// <param name="Audio">The audio tower, where the checkpoint has one.</param>
/// <param name="EmbedVision">Brings pictures and the vision vocabulary to the text width.</param>
/// <param name="EmbedAudio">Brings clips and the audio vocabulary to the text width.</param>
sealed record ModelParts(TextModel Text, VisionTower? Vision, AudioTower? Audio, MultimodalEmbedder? EmbedVision, MultimodalEmbedder? EmbedAudio)
{
    /// <summary>Builds every module the configuration and the files have. Afterwards the checkpoint's report and module tree are complete.</summary>
    /// <param name="root">Where the checkpoint's parameters are asked for.</param>
    /// <param name="config">The checkpoint's configuration.</param>
    /// <param name="vision">Whether the vision tower is wanted.</param>
    /// <param name="audio">Whether the audio tower is wanted.</param>
    /// <param name="cacheType">How keys and values are stored.</param>
    /// <exception cref="ConfigurationException">Two parts of the configuration contradict each other.</exception>
    public static ModelParts Build(ParameterScope root, Gemma3nConfig config, bool vision = true, bool audio = true, CacheType cacheType = CacheType.F32)
    {
        int hidden = config.TextConfig.HiddenSize;
        var text = new TextModel(root, config.TextConfig, cacheType.ElementType());

        MultimodalEmbedder? embedVision = null, embedAudio = null;
        VisionTower? visionTower = null;
        AudioTower? audioTower = null;
        if (config.VisionConfig is VisionConfig v)
        {
            // The embedder is also there for the vocabulary's hard tokens, so it stays when the tower is not wanted.
            embedVision = root.Contains("embed_vision")
                ? new MultimodalEmbedder(root["embed_vision"], v.HiddenSize, hidden, v.VocabSize, v.VocabOffset, v.RmsNormEps)
                : null;
            visionTower = vision && root.Contains("vision_tower") ? new VisionTower(root["vision_tower"], v) : null;
            if (visionTower is not null && visionTower.TokensPerImage != config.VisionSoftTokensPerImage)
            {
                throw new ConfigurationException(
                    Gemma3nConfig.FileName, "$.vision_soft_tokens_per_image",
                    $"Found {config.VisionSoftTokensPerImage}, but the vision tower makes {visionTower.TokensPerImage} tokens of a picture; the two must be "
                        + $"equal.");
            }
        }

        if (config.AudioConfig is AudioConfig a)
        {
            embedAudio = root.Contains("embed_audio")
                ? new MultimodalEmbedder(root["embed_audio"], a.HiddenSize, hidden, a.VocabSize, a.VocabOffset, a.RmsNormEps)
                : null;
            audioTower = audio && root.Contains("audio_tower") ? new AudioTower(root["audio_tower"], a) : null;
        }

        if (visionTower is null)
        {
            root.Ignore("vision_tower");
        }

        if (audioTower is null)
        {
            root.Ignore("audio_tower");
        }

        if (embedVision is null)
        {
            root.Ignore("embed_vision");
        }

        if (embedAudio is null)
        {
            root.Ignore("embed_audio");
        }

        return new ModelParts(text, visionTower, audioTower, embedVision, embedAudio);
    }
}
