using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Checkpoints;

/// <summary>A tensor of a checkpoint: its names and where it lies.</summary>
/// <remarks>Thread-safe.</remarks>
sealed class StoredTensor
{
    internal StoredTensor(WeightFile file, TensorEntry entry, string canonicalName)
    {
        File = file;
        Entry = entry;
        CanonicalName = canonicalName;
    }

    /// <summary>The file it is in.</summary>
    public WeightFile File { get; }

    /// <summary>Type, shape and place, with the name as in the file.</summary>
    public TensorEntry Entry { get; }

    /// <summary>Name in the file.</summary>
    public string Name => Entry.Name;

    /// <summary>Name by which the model asks for it.</summary>
    public string CanonicalName { get; }

    /// <summary>Stored element type.</summary>
    public ElementType Type => Entry.Type;

    /// <summary>The form of weights in blocks; <see langword="null"/> for one number each.</summary>
    public BlockType? Blocks => Entry.Blocks;

    /// <summary>The type as messages call it.</summary>
    public string TypeName => Entry.TypeName;

    /// <summary>Sizes, outermost first.</summary>
    public IReadOnlyList<long> Shape => Entry.Shape;

    /// <summary>The same tensor under another name in the model.</summary>
    internal StoredTensor Named(string canonicalName) => canonicalName == CanonicalName ? this : new(File, Entry, canonicalName);

    /// <summary>The bytes in place.</summary>
    /// <exception cref="CheckpointException">The file cannot be mapped.</exception>
    public TensorData Data => File.Tensor(Entry);
}
