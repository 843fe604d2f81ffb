using GemmaSharp.Media;

namespace GemmaSharp.Extensions.AI;

/// <summary>A piece of speech that is short enough for the model: when it is, and what the model is asked about it.</summary>
/// <param name="Sound">What is heard.</param>
/// <param name="Start">When it begins, from the beginning of the whole.</param>
/// <param name="End">When it ends.</param>
sealed record SpeechClip(AudioClip Sound, TimeSpan Start, TimeSpan End)
{
    // Two steps of 16 bits: what recorders leave where nothing is recorded. The quietest room is louder.
    const float Silence = 2f / 32768;

    /// <summary>Whether nothing was recorded. The model would write something down all the same, so it is not asked.</summary>
    public bool IsSilent { get; } = !Sound.Samples.AsSpan().ContainsAnyExceptInRange(-Silence, Silence);

    /// <summary>The clips of a sound that was split, one after another.</summary>
    public static IEnumerable<SpeechClip> Of(AudioContent sound)
    {
        TimeSpan start = TimeSpan.Zero;
        foreach (AudioClip clip in sound.Clips)
        {
            TimeSpan end = start + clip.Duration;
            yield return new SpeechClip(clip, start, end);
            start = end;
        }
    }

    /// <summary>What is asked about it. Nothing of other clips is in it.</summary>
    public GenerationRequest Request(string prompt, GenerationOptions options) =>
        new() { Messages = [ChatMessage.User([new AudioPart(Sound), new TextPart(prompt)])], Options = options };
}
