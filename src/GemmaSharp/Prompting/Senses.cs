namespace GemmaSharp.Prompting;

/// <summary>Whether a checkpoint, as loaded, has a tower for what a conversation holds.</summary>
static class Senses
{
    /// <summary>Why it cannot take the conversation, as a sentence; null when it can.</summary>
    /// <param name="messages">The conversation, its media read or not.</param>
    /// <param name="sees">Whether there is a vision tower with its embedder.</param>
    /// <param name="hears">Whether there is an audio tower with its embedder.</param>
    public static string? Refusal(IEnumerable<ChatMessage> messages, bool sees, bool hears)
    {
        foreach (ContentPart part in messages.SelectMany(message => message.Parts))
        {
            if (!sees && part is ImagePart or VideoPart { Frames: not { Count: 0 } })
            {
                return "The prompt has a picture and the checkpoint, as loaded, has no vision tower; leave it out, or load a checkpoint with vision weights.";
            }

            if (!hears && part is AudioPart or LongAudioPart or VideoPart { Clips.Count: > 0 })
            {
                return "The prompt has sound and the checkpoint, as loaded, has no audio tower; leave it out, or load a checkpoint with audio weights.";
            }
        }

        return null;
    }
}
