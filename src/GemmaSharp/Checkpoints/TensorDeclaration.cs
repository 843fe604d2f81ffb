using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Checkpoints;

/// <summary>A tensor that is going to be written.</summary>
/// <param name="Name">Name in the file.</param>
/// <param name="Type">Element type.</param>
/// <param name="Shape">Sizes, outermost first; empty for a scalar.</param>
sealed record TensorDeclaration(string Name, ElementType Type, IReadOnlyList<long> Shape)
{
    /// <summary>Number of bytes.</summary>
    /// <exception cref="OverflowException">The product exceeds a long.</exception>
    public long Length => Shape.Aggregate((long)Type.SizeInBytes(), (size, axis) => checked(size * axis));
}
