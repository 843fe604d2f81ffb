using GemmaSharp.Cli.Conversations;

namespace GemmaSharp.Cli.Options;

/// <summary>What the model is asked.</summary>
/// <param name="Messages">The conversation; empty for a raw prompt.</param>
/// <param name="Raw">Text to continue without the chat template; null for a conversation.</param>
sealed record PromptInput(List<ConversationMessage> Messages, string? Raw);
