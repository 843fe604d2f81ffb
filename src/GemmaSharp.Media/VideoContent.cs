namespace GemmaSharp.Media;

/// <summary>A video as the model takes it: pictures in order of time, then the sound.</summary>
/// <param name="Frames">The sampled frames, upright.</param>
/// <param name="FramesPerSecond">How many of them stand for a second.</param>
/// <param name="Duration">The length of the video; <see langword="null"/> where the file does not say.</param>
/// <param name="Audio">The sound track in clips of at most 30 seconds; <see langword="null"/> where there is none or it was not asked for.</param>
/// <param name="Notices">One sentence each about what was left out or damaged, those of the sound included.</param>
public sealed record VideoContent(
    IReadOnlyList<RgbImage> Frames, double FramesPerSecond, TimeSpan? Duration, AudioContent? Audio, IReadOnlyList<string> Notices);
