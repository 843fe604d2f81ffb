using GemmaSharp.Files;

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
    public required string Problem
    {
        get;
        init => field = Sentence.Of(value);
    }

    /// <summary>The likely repair, in one sentence; <see langword="null"/> where none can be told.</summary>
    public string? Repair
    {
        get;
        init => field = value is null ? null : Sentence.Of(value);
    }

    /// <summary>The problem and its repair on one line.</summary>
    public override string ToString() => Repair is null
        ? $"{Severity.ToString().ToLowerInvariant()}: {Problem}"
        : $"{Severity.ToString().ToLowerInvariant()}: {Problem} {Repair}";
}

/// <summary>What is wrong, or worth knowing, about a tensor.</summary>
public enum FindingKind
{
    /// <summary>The model needs a tensor the checkpoint does not have.</summary>
    Missing,

    /// <summary>The sizes differ.</summary>
    WrongShape,

    /// <summary>The sizes are right in another order.</summary>
    WrongLayout,

    /// <summary>The stored type cannot be used here.</summary>
    WrongType,

    /// <summary>Two stored tensors have the same name in the model.</summary>
    Duplicate,

    /// <summary>A list of modules has more entries in the checkpoint than in the configuration.</summary>
    SurplusEntries,

    /// <summary>A value is not a number or infinite.</summary>
    NonFinite,

    /// <summary>Tensors are zero throughout, as in a file of which only the beginning was fetched.</summary>
    AllZero,

    /// <summary>The quantised tensors of a module do not fit together.</summary>
    WrongQuantization,

    /// <summary>The checkpoint has a tensor the model does not know.</summary>
    Unexpected,

    /// <summary>A table has more rows than the configuration says; the further ones are not used.</summary>
    SurplusRows,

    /// <summary>A second copy of the embedding table, not needed with tied embeddings.</summary>
    ExtraHead,

    /// <summary>A tower has no weights, so its kind of input is refused.</summary>
    TowerMissing,

    /// <summary>The vision weights are those of the first upload, whose kernels are turned while loading.</summary>
    FirstUploadVision,

    /// <summary>An adapter changes, or the quantisation settings name, a module that the model does not have.</summary>
    UnknownModule,

    /// <summary>An adapter is of a kind, or changes a kind of module, that cannot be applied.</summary>
    Unsupported,

    /// <summary>An adapter's settings contradict its tensors or cannot be read.</summary>
    WrongSetting,

    /// <summary>A part of an adapter has no effect: nothing reads the module it changes.</summary>
    UnusedModule,

    /// <summary>An adapter says by name that it was made for another base; its shapes fit all the same.</summary>
    OtherBase,

    /// <summary>Linear layers of a tower are quantised, as in early conversions.</summary>
    QuantizedTower,

    /// <summary>A slice cuts through a group of quantised codes.</summary>
    CutGroup,

    /// <summary>The model is a slice of the one in the files.</summary>
    Sliced,

    /// <summary>Names have something around them that a training program put there, such as <c>_orig_mod.</c> before each.</summary>
    WrappedNames,
}

/// <summary>How much a finding matters.</summary>
public enum Severity
{
    /// <summary>The model cannot run.</summary>
    Error,

    /// <summary>The model runs; something should be looked at.</summary>
    Warning,

    /// <summary>The model runs as intended.</summary>
    Note,
}
