namespace GemmaSharp;

/// <summary>A conversation that cannot be read or written: names the file and the place in it, the value found and what is needed.</summary>
public sealed class ChatMessageException(string message, Exception? innerException = null) : Exception(message, innerException);
