using System.Text;
using System.Text.Json;

namespace GemmaSharp.Configuration;

/// <summary>The <c>config.json</c> of a Gemma 3n checkpoint with every rule applied. The defaults are the published E4B.</summary>
/// <remarks>
/// Reads the published form, the newest (<c>rope_parameters</c>), text-only configs with the text section at the root, and MLX's with
/// <c>quantization</c>. Unknown keys are ignored. Immutable.
/// </remarks>
sealed record Gemma3nConfig
{
    /// <summary>The file this is read from.</summary>
    public const string FileName = "config.json";

    /// <summary>The language model.</summary>
    public TextConfig TextConfig { get; init; } = new();

    /// <summary>The vision tower; <see langword="null"/> in a text-only config.</summary>
    public VisionConfig? VisionConfig { get; init; } = new();

    /// <summary>The audio tower; <see langword="null"/> in a text-only config.</summary>
    public AudioConfig? AudioConfig { get; init; } = new();

    /// <summary>Placeholders per audio clip (the key is named so).</summary>
    public int AudioSoftTokensPerImage { get; init; } = 188;

    /// <summary>Placeholders per picture.</summary>
    public int VisionSoftTokensPerImage { get; init; } = 256;

    /// <summary>Id before a picture.</summary>
    public int BoiTokenId { get; init; } = 255999;

    /// <summary>Id after a picture.</summary>
    public int EoiTokenId { get; init; } = 262144;

    /// <summary>Placeholder id of a picture.</summary>
    public int ImageTokenId { get; init; } = 262145;

    /// <summary>Id before a clip.</summary>
    public int BoaTokenId { get; init; } = 256000;

    /// <summary>Id after a clip.</summary>
    public int EoaTokenId { get; init; } = 262272;

    /// <summary>Placeholder id of a clip.</summary>
    public int AudioTokenId { get; init; } = 262273;

    /// <summary>Ids that end an answer, as this file gives them; empty when it does not.</summary>
    public IReadOnlyList<int> EosTokenId { get; init; } = [1, 106];

    /// <summary>How MLX quantised the checkpoint; <see langword="null"/> when it did not.</summary>
    public QuantizationConfig? Quantization { get; init; }

    /// <summary>Every value in effect and where it came from, in reading order; empty for a config made in code.</summary>
    public IReadOnlyList<EffectiveValue> Values { get; init; } = [];

    /// <summary>The published E4B: 35 layers of width 16384.</summary>
    public static Gemma3nConfig E4B { get; } = new();

    /// <summary>The published E2B: 30 layers of width 8192.</summary>
    public static Gemma3nConfig E2B { get; } = new()
    {
        TextConfig = new TextConfig
        {
            NumHiddenLayers = 30,
            IntermediateSize = TextConfig.Repeat(8192, 30),
            LayerTypes = TextConfig.DefaultLayerTypes(30),
            ActivationSparsityPattern = TextConfig.DefaultSparsity(30),
            NumKvSharedLayers = 10,
        },
    };

    /// <summary>Reads <c>config.json</c> of a checkpoint folder.</summary>
    /// <exception cref="ConfigurationException">The file is missing, unreadable, of another model, or holds an impossible value.</exception>
    public static Gemma3nConfig Load(string folder) =>
        ConfigFile.TryRead(Path.Combine(folder, FileName)) is JsonElement root
            ? Gemma3nConfigReader.Read(root)
            : throw new ConfigurationException(FileName, "$", $"There is no such file in {folder}; download it with the weights.");

    /// <summary>Reads the text of a <c>config.json</c>.</summary>
    /// <exception cref="ConfigurationException">It is of another model, or holds an impossible value.</exception>
    public static Gemma3nConfig Parse(string json) => Gemma3nConfigReader.Read(ConfigFile.Parse(Encoding.UTF8.GetBytes(json), FileName));
}
