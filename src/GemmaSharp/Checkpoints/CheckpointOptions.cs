using GemmaSharp.Layers;
using GemmaSharp.Numerics.Matrices;

namespace GemmaSharp.Checkpoints;

/// <summary>How a checkpoint is opened.</summary>
sealed record CheckpointOptions
{
    /// <summary>Whether only headers are read, for listings: no weight is mapped and every vector is empty.</summary>
    public bool HeadersOnly { get; init; }

    /// <summary>Which generation the vision weights are of.</summary>
    public VisionWeights VisionWeights { get; init; } = VisionWeights.Auto;

    /// <summary>How quantised matrices of the text model and the embedders multiply: exactly, which is the default, or with integers.</summary>
    public ProductMode Products { get; init; } = ProductMode.Exact;

    /// <summary>The fewest weights of a tower whose products round activations to bfloat16, where products need not be exact.</summary>
    public long LeastReducedWeights { get; init; } = ReducedProducts.LeastWorthwhile;

    /// <summary>How caches of the model are to store keys and values.</summary>
    public CacheType CacheType { get; init; }

    /// <summary>The file with the towers of a GGUF model; <see langword="null"/> for the one beside it, if there is one.</summary>
    public string? Projector { get; init; }

    /// <summary>The smaller model inside that is wanted, read in place; <see langword="null"/> for all of it.</summary>
    public MatFormerSlice? Slice { get; init; }
}
