namespace GemmaSharp.Configuration;

/// <summary>The <c>model_args</c> handed to timm's network factory: deviations from the published MobileNet-v5.</summary>
sealed record VisionModelArgs
{
    /// <summary>Factor on every stage's width, rounded to a multiple of 8.</summary>
    public double ChannelMultiplier { get; init; } = 1;

    /// <summary>Channels of the stem before the multiplier.</summary>
    public int StemSize { get; init; } = 64;

    /// <summary>Whether the stem convolution may have a bias.</summary>
    public bool StemBias { get; init; } = true;

    /// <summary>Initial layer scale; <see langword="null"/> removes every <c>layer_scale.gamma</c>.</summary>
    public double? LayerScaleInitValue { get; init; } = 1e-5;

    /// <summary>Side of the output grid: <c>r²</c> tokens.</summary>
    public int MsfaOutputResolution { get; init; } = 16;

    /// <summary>The stages that are fused, counted from the end when negative.</summary>
    public IReadOnlyList<int> MsfaIndices { get; init; } = [-2, -1];

    /// <summary>A block table in place of the published one: stages of blocks; <see langword="null"/> for the published.</summary>
    public IReadOnlyList<IReadOnlyList<VisionBlockArgs>>? BlockArgs { get; init; }
}
