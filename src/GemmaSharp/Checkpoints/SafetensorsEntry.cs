using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Checkpoints;

/// <summary>A tensor as a safetensors header lists it.</summary>
/// <param name="Name">Name in the file.</param>
/// <param name="Type">Stored element type.</param>
/// <param name="Shape">Sizes, outermost first; empty for a scalar.</param>
/// <param name="Offset">First byte, counted from the start of the file.</param>
/// <param name="Length">Number of bytes: the product of the shape times the element size.</param>
sealed record SafetensorsEntry(string Name, ElementType Type, IReadOnlyList<long> Shape, long Offset, long Length)
{
    /// <summary>The byte after the last.</summary>
    public long End => Offset + Length;
}
