namespace GemmaSharp.Numerics.Formats;

/// <summary>How a quantised matrix multiplies activations.</summary>
public enum ProductMode
{
    /// <summary>
    /// Float32 activations times the dequantised weights: what dequantising the matrix first would give, to float32 rounding.
    /// No dequantised copy is kept; a few rows at a time pass through the cache.
    /// </summary>
    Exact,

    /// <summary>
    /// Activations rounded to integers per group of the matrix (eight bits; sixteen for eight-bit weights), integer dot products.
    /// An element of x moves by at most half a step: 1/254 (1/65534) of its group's largest. mxfp8 has no integer form and stays exact.
    /// </summary>
    Fast,
}
