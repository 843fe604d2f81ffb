namespace GemmaSharp;

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
}
