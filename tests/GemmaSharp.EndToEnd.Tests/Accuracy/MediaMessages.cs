using GemmaSharp.Media;

namespace GemmaSharp.EndToEnd.Tests;

/// <summary>Reads the pictures and clips that messages name.</summary>
static class MediaMessages
{
    /// <summary>The messages with their files read.</summary>
    public static IReadOnlyList<ChatMessage> Read(IReadOnlyList<ChatMessage> messages) =>
        [.. messages.Select(m => m.IsPlainText ? m : new ChatMessage(m.Role, [.. m.Parts.Select(Read)]))];

    static ContentPart Read(ContentPart part) => part switch
    {
        ImagePart p => p with { Image = ImageReader.Read(p.Source!) },
        AudioPart p => p with { Clip = AudioReader.Read(p.Source!).Clips[0] },
        _ => part,
    };
}
