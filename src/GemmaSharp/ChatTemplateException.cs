namespace GemmaSharp;

/// <summary>A conversation that the chat template refuses.</summary>
public sealed class ChatTemplateException(string message) : Exception(message);
