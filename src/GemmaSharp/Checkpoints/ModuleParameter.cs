using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Checkpoints;

/// <summary>A tensor of a module.</summary>
/// <param name="Name">Canonical name.</param>
/// <param name="StoredName">Name in the file; <see langword="null"/> when missing.</param>
/// <param name="Shape">Shape in Hugging Face's layout, unpacked.</param>
/// <param name="Format">Stored form: <c>bf16</c>, <c>affine4/64</c>; empty when missing.</param>
/// <param name="Bytes">Bytes in the file, scales and biases included.</param>
/// <param name="File">File it is in.</param>
sealed record ModuleParameter(string Name, string? StoredName, IReadOnlyList<long> Shape, string Format, long Bytes, string? File)
{
    /// <summary>The quantised form; <see langword="null"/> when dense or missing.</summary>
    public QuantizationFormat? Quantization { get; init; }

    /// <summary>Number of weights.</summary>
    public long Count => Shape.Aggregate(1L, (count, axis) => count * axis);
}
