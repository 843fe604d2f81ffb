namespace GemmaSharp;

/// <summary>A conversion that cannot be done, or whose result was not what was written. Nothing of it was left behind.</summary>
/// <param name="message">One sentence: the value found, the value needed, the way out.</param>
/// <param name="innerException">What the file system said, if anything.</param>
public sealed class ConversionException(string message, Exception? innerException = null) : Exception(message, innerException);
