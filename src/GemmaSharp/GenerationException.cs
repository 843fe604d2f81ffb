namespace GemmaSharp;

/// <summary>A prompt cannot be answered as asked: it is empty or too long, holds what the checkpoint has no part for, or the model's numbers are not finite.</summary>
public sealed class GenerationException(string message) : Exception(message);
