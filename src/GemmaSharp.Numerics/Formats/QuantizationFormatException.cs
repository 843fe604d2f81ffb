namespace GemmaSharp.Numerics.Formats;

/// <summary>A combination of mode, bits, group size and matrix that no quantised file can hold.</summary>
/// <param name="message">One sentence: the value found, the value needed, the way out.</param>
public sealed class QuantizationFormatException(string message) : Exception(message);
