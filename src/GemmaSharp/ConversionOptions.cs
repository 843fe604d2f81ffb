using GemmaSharp.Checkpoints;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp;

/// <summary>What a conversion changes. The default changes nothing: it writes the same tensors again.</summary>
public sealed record ConversionOptions
{
    /// <summary>The size at which transformers and MLX begin another file.</summary>
    public const long DefaultShardBytes = ShardedSafetensorsWriter.DefaultShardBytes;

    /// <summary>Names and kernel order of the result; <see langword="null"/> for the source's, or mlx-vlm's when a Hugging Face checkpoint is
    /// quantised.</summary>
    public CheckpointLayout? Layout { get; init; }

    /// <summary>How linear layers and embeddings are quantised; <see langword="null"/> leaves them as they are.</summary>
    public QuantizationRecipe? Quantize { get; init; }

    /// <summary>Whose arithmetic the quantiser follows: published files were made on Metal.</summary>
    public QuantizationRounding Rounding { get; init; } = QuantizationRounding.Metal;

    /// <summary>Whether quantised modules become dense.</summary>
    public bool Dequantize { get; init; }

    /// <summary>Type of all floating-point tensors, F32, F16 or BF16; before quantising, too. <see langword="null"/> keeps each tensor's own.</summary>
    public ElementType? Type { get; init; }

    /// <summary>Whether the vision tower and its embedder are written.</summary>
    public bool Vision { get; init; } = true;

    /// <summary>Whether the audio tower and its embedder are written.</summary>
    public bool Audio { get; init; } = true;

    /// <summary>The smaller model to cut out; <see langword="null"/> for the whole.</summary>
    public MatFormerSlice? Slice { get; init; }

    /// <summary>Adapters to add to the weights, in this order. Quantised modules are dequantised, changed and quantised again.</summary>
    public IReadOnlyList<AdapterToMerge> MergeAdapters { get; init; } = [];

    /// <summary>Whether vision weights of the first upload are written as those of the second: rows and columns of kernels exchanged, a stem bias of
    /// 0.</summary>
    public bool RepairVision { get; init; }

    /// <summary>Bytes a weight file has at most, unless a single tensor is larger.</summary>
    public long ShardBytes { get; init; } = DefaultShardBytes;

    /// <summary>Whether an existing result is replaced.</summary>
    public bool Force { get; init; }

    /// <summary>Threads that quantise; <see langword="null"/> for one per processor.</summary>
    public int? Threads { get; init; }
}

/// <summary>What a conversion wrote.</summary>
/// <param name="Folder">The folder.</param>
/// <param name="Files">Its weight files, in order.</param>
/// <param name="Tensors">Number of tensors.</param>
/// <param name="Bytes">Bytes of tensors.</param>
/// <param name="QuantizedModules">Modules stored quantised.</param>
/// <param name="BitsPerWeight">Bits of the result for each weight of its matrices, scales and biases included.</param>
/// <param name="Notes">What the options could not be applied to, one sentence each.</param>
public sealed record ConversionResult(
    string Folder, IReadOnlyList<string> Files, int Tensors, long Bytes, int QuantizedModules, double BitsPerWeight, IReadOnlyList<string> Notes);

/// <summary>How far a conversion is.</summary>
/// <param name="Tensor">Name of the tensor being written or verified, as it is called in the result.</param>
/// <param name="Verifying">Whether everything is written and is being read again.</param>
/// <param name="DoneBytes">Bytes done, written and verified ones together.</param>
/// <param name="TotalBytes">Twice the bytes of the result.</param>
public readonly record struct ConversionProgress(string Tensor, bool Verifying, long DoneBytes, long TotalBytes);

/// <summary>An adapter whose change is added to the weights.</summary>
/// <param name="Folder">A folder that peft or mlx-lm wrote.</param>
/// <param name="Weight">What its change is multiplied with; 1 adds it as it was trained.</param>
public readonly record struct AdapterToMerge(string Folder, float Weight = 1);

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
