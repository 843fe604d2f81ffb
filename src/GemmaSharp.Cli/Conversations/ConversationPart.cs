namespace GemmaSharp.Cli.Conversations;

/// <summary>What a part of a message is.</summary>
enum PartKind
{
    Text,
    Image,
    Audio,
    Video,
}

/// <summary>A part of a message as the user gave it.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Value">The text itself, or the path or address of a file.</param>
sealed record ConversationPart(PartKind Kind, string Value);

/// <summary>A turn of a conversation.</summary>
/// <param name="Role"><c>system</c>, <c>user</c> or <c>assistant</c>.</param>
/// <param name="Parts">In the order in which the model sees them.</param>
sealed record ConversationMessage(string Role, IReadOnlyList<ConversationPart> Parts)
{
    public const string System = "system";
    public const string User = "user";
    public const string Assistant = "assistant";

    /// <summary>A turn of text alone.</summary>
    public static ConversationMessage OfText(string role, string text) => new(role, [new ConversationPart(PartKind.Text, text)]);
}
