using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Checkpoints;

/// <summary>A tensor as a file's header lists it.</summary>
/// <param name="Name">Name in the file.</param>
/// <param name="Type">Stored element type; of weights in blocks U8, their bytes.</param>
/// <param name="Shape">Sizes, outermost first; empty for a scalar.</param>
/// <param name="Offset">First byte, counted from the start of the file.</param>
/// <param name="Length">Number of bytes.</param>
sealed record TensorEntry(string Name, ElementType Type, IReadOnlyList<long> Shape, long Offset, long Length)
{
    /// <summary>The byte after the last.</summary>
    public long End => Offset + Length;

    /// <summary>The form of weights in blocks, which only GGUF files have; <see langword="null"/> for one number each.</summary>
    public BlockType? Blocks { get; init; }

    /// <summary>The type as messages call it.</summary>
    public string TypeName => Blocks?.ToString() ?? Type.Name();
}
