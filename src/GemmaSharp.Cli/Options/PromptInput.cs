namespace GemmaSharp.Cli.Options;

/// <summary>What the model is asked.</summary>
/// <param name="Messages">The conversation, its media not read; empty for a raw prompt.</param>
/// <param name="Raw">Text to continue without the chat template; null for a conversation.</param>
sealed record PromptInput(IReadOnlyList<ChatMessage> Messages, string? Raw);
