namespace GemmaSharp.Checkpoints;

/// <summary>How a checkpoint is opened.</summary>
public sealed record CheckpointOptions
{
    /// <summary>Whether only headers are read, for listings: no weight is mapped and every vector is empty.</summary>
    public bool HeadersOnly { get; init; }

    /// <summary>Which generation the vision weights are of.</summary>
    public VisionWeights VisionWeights { get; init; } = VisionWeights.Auto;
}
