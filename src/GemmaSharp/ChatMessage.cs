namespace GemmaSharp;

/// <summary>One message of a conversation. Immutable, thread-safe.</summary>
/// <remarks>
/// Whether the content was a plain text or a list of parts matters to the template: a plain text is trimmed as one, parts each for themselves,
/// and of a system message given as parts only the first counts.
/// </remarks>
public sealed class ChatMessage
{
    /// <summary>The role of the one who asks.</summary>
    public const string UserRole = "user";

    /// <summary>The role of the model; files may also say <c>model</c>.</summary>
    public const string AssistantRole = "assistant";

    /// <summary>The role of instructions; only the first message may have it.</summary>
    public const string SystemRole = "system";

    /// <summary>The role of the results of tools.</summary>
    public const string ToolRole = "tool";

    /// <summary>Makes a message of plain text.</summary>
    public ChatMessage(string role, string text)
    {
        ArgumentException.ThrowIfNullOrEmpty(role);
        ArgumentNullException.ThrowIfNull(text);
        Role = role;
        IsPlainText = true;
        Parts = [new TextPart(text)];
    }

    /// <summary>Makes a message of parts in any order.</summary>
    public ChatMessage(string role, IReadOnlyList<ContentPart> parts)
    {
        ArgumentException.ThrowIfNullOrEmpty(role);
        ArgumentNullException.ThrowIfNull(parts);
        ContentPart[] copy = [.. parts];
        Role = role;
        Parts = Array.TrueForAll(copy, part => part is not null)
            ? copy
            : throw new ArgumentException("A part of the message is null; leave it out.", nameof(parts));
    }

    /// <summary>Who speaks.</summary>
    public string Role { get; }

    /// <summary>Whether the content is one plain text.</summary>
    public bool IsPlainText { get; }

    /// <summary>The content; a plain text is one part.</summary>
    public IReadOnlyList<ContentPart> Parts { get; }

    /// <summary>What stands in the prompt, in order: texts, and each picture and clip for itself.</summary>
    /// <exception cref="GenerationException">A video has not been read.</exception>
    internal IEnumerable<ContentPart> Pieces => Parts.SelectMany(part => part.Pieces);

    /// <summary>The texts of all parts, one after another.</summary>
    public string Text => string.Concat(Parts.OfType<TextPart>().Select(part => part.Text));

    /// <summary>A user's plain text.</summary>
    public static ChatMessage User(string text) => new(UserRole, text);

    /// <summary>A user's parts.</summary>
    public static ChatMessage User(params IReadOnlyList<ContentPart> parts) => new(UserRole, parts);

    /// <summary>An answer.</summary>
    public static ChatMessage Assistant(string text) => new(AssistantRole, text);

    /// <summary>Instructions.</summary>
    public static ChatMessage System(string text) => new(SystemRole, text);
}
