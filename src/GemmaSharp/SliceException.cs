namespace GemmaSharp;

/// <summary>A slice that cannot be read, or that the model does not have.</summary>
/// <param name="message">One sentence: the value found, the value needed, the way out.</param>
public sealed class SliceException(string message) : Exception(message);
