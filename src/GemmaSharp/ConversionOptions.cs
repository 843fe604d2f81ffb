using GemmaSharp.Checkpoints;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp;

/// <summary>What a conversion changes. The default changes nothing: it writes the same tensors again.</summary>
public sealed record ConversionOptions
{
    /// <summary>The size at which transformers and MLX begin another file.</summary>
    public const long DefaultShardBytes = ShardedSafetensorsWriter.DefaultShardBytes;

    /// <summary>Names and kernel order of the result; <see langword="null"/> for the source's, or mlx-vlm's when a Hugging Face checkpoint is quantised.</summary>
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

    /// <summary>Whether vision weights of the first upload are written as those of the second: rows and columns of kernels exchanged, a stem bias of 0.</summary>
    public bool RepairVision { get; init; }

    /// <summary>Bytes a weight file has at most, unless a single tensor is larger.</summary>
    public long ShardBytes { get; init; } = DefaultShardBytes;

    /// <summary>Whether an existing result is replaced.</summary>
    public bool Force { get; init; }

    /// <summary>Threads that quantise; <see langword="null"/> for one per processor.</summary>
    public int? Threads { get; init; }
}
