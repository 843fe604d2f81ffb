using GemmaSharp.Model.Vision;

namespace GemmaSharp;

/// <summary>A piece of a message: text, a picture, sound or a video. Immutable, thread-safe.</summary>
public abstract record ContentPart
{
    private protected ContentPart()
    {
    }

    /// <summary>What of it stands in the prompt, in order: itself, or the frames and clips it was taken apart into.</summary>
    /// <exception cref="GenerationException">It has not been read, so that nobody knows how many there are.</exception>
    internal virtual IEnumerable<ContentPart> Pieces => [this];
}

/// <summary>Text.</summary>
/// <param name="Text">The text; the template trims it.</param>
public sealed record TextPart(string Text) : ContentPart
{
    /// <summary>The text; the template trims it.</summary>
    public string Text { get; } = Text ?? throw new ArgumentNullException(nameof(Text));
}

/// <summary>A picture.</summary>
/// <param name="Image">The pixels; null while only its source is known.</param>
/// <param name="Source">Where it came from, a path or an address; null when it came from memory.</param>
public sealed record ImagePart(RgbImage? Image, string? Source = null) : ContentPart
{
    /// <summary>The smallest <see cref="Side"/>.</summary>
    public const int MinSide = VisionTower.MinSide;

    /// <summary>The largest <see cref="Side"/>.</summary>
    public const int MaxSide = VisionTower.MaxSide;

    /// <summary>
    /// Side in pixels to which it is brought, from <see cref="MinSide"/> to <see cref="MaxSide"/>; null: as the model was loaded. Smaller is faster and sees
    /// less; the number of tokens is the same.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The side is none of these.</exception>
    public int? Side
    {
        get;
        init => field = value is null or (>= MinSide and <= MaxSide) ? value : throw new ArgumentOutOfRangeException(
            nameof(Side), $"{nameof(Side)} is {value}; it must be from {MinSide} to {MaxSide}, or null for the model's.");
    }
}

/// <summary>A clip of sound.</summary>
/// <param name="Clip">The samples; null while only its source is known.</param>
/// <param name="Source">Where it came from, a path or an address; null when it came from memory.</param>
public sealed record AudioPart(AudioClip? Clip, string? Source = null) : ContentPart;

/// <summary>Sound that is longer than one clip.</summary>
/// <param name="Clips">The clips it was split into, which the model hears one after another.</param>
/// <param name="Source">Where it came from, a path or an address; null when it came from memory.</param>
public sealed record LongAudioPart(IReadOnlyList<AudioClip> Clips, string? Source = null) : ContentPart
{
    /// <summary>The clips it was split into, which the model hears one after another.</summary>
    public IReadOnlyList<AudioClip> Clips { get; } = Clips ?? throw new ArgumentNullException(nameof(Clips));

    internal override IEnumerable<ContentPart> Pieces => Clips.Select(clip => new AudioPart(clip, Source));
}

/// <summary>A video, which the model takes as pictures and the sound after them.</summary>
/// <param name="Frames">The pictures; null while only its source is known.</param>
/// <param name="Clips">The sound; null or empty for none.</param>
/// <param name="Source">Where it came from, a path or an address; null when it came from memory.</param>
public sealed record VideoPart(IReadOnlyList<RgbImage>? Frames, IReadOnlyList<AudioClip>? Clips = null, string? Source = null) : ContentPart
{
    internal override IEnumerable<ContentPart> Pieces => Frames is null
        ? throw new GenerationException($"The video {Source} has not been read; read it before the prompt is encoded.")
        : [.. Frames.Select(frame => new ImagePart(frame, Source)), .. (Clips ?? []).Select(clip => new AudioPart(clip, Source))];
}

/// <summary>A call that the model asked for, in a message of the assistant.</summary>
/// <param name="Call">The call.</param>
public sealed record ToolCallPart(ToolCall Call) : ContentPart;

/// <summary>What a call gave, in a message of the role <see cref="ChatMessage.ToolRole"/> or of the user.</summary>
/// <param name="CallId">Which call.</param>
/// <param name="Name">The tool; null where only the call is known, whose name then counts.</param>
/// <param name="Result">The result: JSON, or any text.</param>
public sealed record ToolResultPart(string CallId, string? Name, string Result) : ContentPart;
