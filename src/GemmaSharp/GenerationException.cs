namespace GemmaSharp;

/// <summary>
/// A prompt cannot be answered as asked: it is empty or too long, holds what the checkpoint has no part for, there is not enough memory, or the model's numbers are not finite.
/// </summary>
/// <remarks>One conversation's trouble: the model and its other sessions go on, and so does this session with its next prompt.</remarks>
/// <param name="message">What was found, what is needed, and the way out.</param>
/// <param name="innerException">What caused it, where that says more.</param>
public sealed class GenerationException(string message, Exception? innerException = null) : Exception(message, innerException);
