namespace GemmaSharp;

/// <summary>Names of tensors and order of kernel axes in a checkpoint.</summary>
public enum CheckpointLayout
{
    /// <summary>transformers: <c>model.language_model.X</c>, kernels <c>[O, I, kH, kW]</c>.</summary>
    HuggingFace,

    /// <summary>mlx-vlm: <c>language_model.model.X</c>, kernels <c>[O, kH, kW, I]</c>.</summary>
    MlxVlm,

    /// <summary>mlx-lm: <c>model.language_model.X</c> and nothing else; there are no towers and no kernels.</summary>
    MlxLm,
}
