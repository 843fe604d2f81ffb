namespace GemmaSharp.Media;

/// <summary>Sound ready for the model, with what a person should know about how it came to be.</summary>
/// <param name="Clips">Mono at 16 kHz, in order. One clip where a file was decoded; several of at most 30 seconds after splitting.</param>
/// <param name="Notices">One sentence each: damage passed over, cuts made. Empty where there is nothing to say.</param>
public sealed record AudioContent(IReadOnlyList<AudioClip> Clips, IReadOnlyList<string> Notices)
{
    /// <summary>The length of all clips together.</summary>
    public TimeSpan Duration => Clips.Aggregate(TimeSpan.Zero, (sum, clip) => sum + clip.Duration);
}
