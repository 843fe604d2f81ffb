using System.Text.Json;

namespace GemmaSharp.Configuration;

/// <summary>How pictures and sound are prepared: <c>processor_config.json</c> and <c>preprocessor_config.json</c> together.</summary>
/// <remarks>
/// Older checkpoints keep both halves flat in <c>preprocessor_config.json</c>; newest ones nest them in <c>processor_config.json</c> under
/// <c>image_processor</c> and <c>feature_extractor</c>, which win. Immutable.
/// </remarks>
sealed record ProcessorConfig
{
    /// <summary>Placeholders per picture.</summary>
    public int ImageSeqLength { get; init; } = 256;

    /// <summary>Placeholders per clip.</summary>
    public int AudioSeqLength { get; init; } = 188;

    /// <summary>The picture half.</summary>
    public ImageProcessorConfig ImageProcessor { get; init; } = new();

    /// <summary>The sound half.</summary>
    public FeatureExtractorConfig FeatureExtractor { get; init; } = new();

    /// <summary>Every value in effect and where it came from.</summary>
    public IReadOnlyList<EffectiveValue> Values { get; init; } = [];

    /// <summary>Reads the files of a checkpoint folder; the published values where there are none.</summary>
    /// <exception cref="ConfigurationException">A file is unreadable or holds an impossible value.</exception>
    public static ProcessorConfig Load(string folder)
    {
        const string New = "processor_config.json";
        const string Old = "preprocessor_config.json";
        JsonElement? newest = ConfigFile.TryRead(Path.Combine(folder, New));
        JsonElement? published = ConfigFile.TryRead(Path.Combine(folder, Old));

        var values = new List<EffectiveValue>();
        JsonFields root = new JsonFields("", values).Add(newest, New).Add(published, Old);
        return new ProcessorConfig
        {
            ImageSeqLength = root.Int("image_seq_length", 256, 1, 1 << 16),
            AudioSeqLength = root.Int("audio_seq_length", 188, 1, 1 << 16),
            ImageProcessor = ImageProcessorConfig.Read(Half("image_processor")),
            FeatureExtractor = FeatureExtractorConfig.Read(Half("feature_extractor")),
            Values = values,
        };

        JsonFields Half(string key) => root.Section(key).Add(newest, New).Add(published, Old);
    }
}
