using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Numerics.Memory;

/// <summary>Rows of numbers in a stored form, end to end: read where they lie.</summary>
/// <param name="bytes">The numbers.</param>
/// <param name="type">F32, F16 or BF16.</param>
readonly ref struct StoredRows(ReadOnlySpan<byte> bytes, ElementType type)
{
    /// <summary>The numbers.</summary>
    public ReadOnlySpan<byte> Bytes { get; } = bytes;

    /// <summary>What they are.</summary>
    public ElementType Type { get; } = type;

    /// <summary>How many numbers there are.</summary>
    public int Count => Bytes.Length / Type.SizeInBytes();
}
