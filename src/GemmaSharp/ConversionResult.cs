namespace GemmaSharp;

/// <summary>What a conversion wrote.</summary>
/// <param name="Folder">The folder.</param>
/// <param name="Files">Its weight files, in order.</param>
/// <param name="Tensors">Number of tensors.</param>
/// <param name="Bytes">Bytes of tensors.</param>
/// <param name="QuantizedModules">Modules stored quantised.</param>
/// <param name="BitsPerWeight">Bits of the result for each weight of its matrices, scales and biases included.</param>
/// <param name="Notes">What the options could not be applied to, one sentence each.</param>
public sealed record ConversionResult(
    string Folder, IReadOnlyList<string> Files, int Tensors, long Bytes, int QuantizedModules, double BitsPerWeight, IReadOnlyList<string> Notes);
