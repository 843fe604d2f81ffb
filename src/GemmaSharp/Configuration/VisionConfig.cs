namespace GemmaSharp.Configuration;

/// <summary>The <c>vision_config</c> of a checkpoint. The defaults are the published tower, the same in E2B and E4B.</summary>
/// <remarks>Source: transformers <c>configuration_gemma3n.py</c>, timm <c>mobilenetv5.py</c>. Immutable.</remarks>
sealed record VisionConfig
{
    /// <summary>The name timm knows the network by.</summary>
    public string Architecture { get; init; } = "mobilenetv5_300m_enc";

    /// <summary>Channels the tower puts out.</summary>
    public int HiddenSize { get; init; } = 2048;

    /// <summary>Rows of the embedder's table of hard tokens.</summary>
    public int VocabSize { get; init; } = 128;

    /// <summary>Id of the table's first row.</summary>
    public int VocabOffset { get; init; } = 262144;

    /// <summary>Epsilon of the embedder's norms. The tower has its own.</summary>
    public float RmsNormEps { get; init; } = 1e-6f;

    /// <summary>Deviations from the published network.</summary>
    public VisionModelArgs ModelArgs { get; init; } = new();
}
