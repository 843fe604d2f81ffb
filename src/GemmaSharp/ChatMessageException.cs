namespace GemmaSharp;

/// <summary>A file of messages that cannot be read: names the place in the JSON, the value found and what is needed.</summary>
public sealed class ChatMessageException(string message, Exception? innerException = null) : Exception(message, innerException);
