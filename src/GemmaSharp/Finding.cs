namespace GemmaSharp;

/// <summary>One thing found while fitting a checkpoint to its model, with the likely repair.</summary>
public sealed record Finding
{
    /// <summary>What it is.</summary>
    public required FindingKind Kind { get; init; }

    /// <summary>How much it matters.</summary>
    public required Severity Severity { get; init; }

    /// <summary>The tensor by the name the model uses: <c>language_model.layers.0.self_attn.q_proj.weight</c>.</summary>
    public required string Tensor { get; init; }

    /// <summary>The tensor by the name in the file; <see langword="null"/> when it is missing.</summary>
    public string? StoredName { get; init; }

    /// <summary>Path of the module it belongs to.</summary>
    public string ModulePath { get; init; } = "";

    /// <summary>Kind of that module: <c>Linear</c>, <c>RmsNorm</c>.</summary>
    public string ModuleType { get; init; } = "";

    /// <summary>Shape the model needs.</summary>
    public IReadOnlyList<long>? ExpectedShape { get; init; }

    /// <summary>Shape in the file.</summary>
    public IReadOnlyList<long>? FoundShape { get; init; }

    /// <summary>Element type in the file, by its safetensors name.</summary>
    public string? FoundType { get; init; }

    /// <summary>File it is in.</summary>
    public string? File { get; init; }

    /// <summary>First byte in the file.</summary>
    public long? FirstByte { get; init; }

    /// <summary>The byte after the last.</summary>
    public long? EndByte { get; init; }

    /// <summary>What was found and what is needed, in one sentence.</summary>
    public required string Problem { get; init; }

    /// <summary>The likely repair, in one sentence; <see langword="null"/> where none can be told.</summary>
    public string? Repair { get; init; }

    /// <summary>The problem and its repair on one line.</summary>
    public override string ToString() => Repair is null ? $"{Severity.ToString().ToLowerInvariant()}: {Problem}" : $"{Severity.ToString().ToLowerInvariant()}: {Problem} {Repair}";
}
