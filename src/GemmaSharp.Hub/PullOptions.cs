namespace GemmaSharp.Hub;

/// <summary>Which files of a repository are downloaded.</summary>
public sealed record PullOptions
{
    /// <summary>Patterns of the paths that are wanted, such as <c>*.json</c>; <c>*</c> stands for anything. Empty: what a checkpoint needs, which is
    /// safetensors, settings, tokenizer and templates, with what explains them; of a form of GGUF its files and one projector, that of the form's own name or
    /// else by precision F16 before BF16, Q8_0 and F32.</summary>
    public IReadOnlyList<string> Include { get; init; } = [];

    /// <summary>Patterns of paths that are left out. Of a form's projectors another is taken then.</summary>
    public IReadOnlyList<string> Exclude { get; init; } = [];

    /// <summary>Whether files that are there already are read and compared with their checksums, and those that differ downloaded anew.</summary>
    public bool Repair { get; init; }
}
