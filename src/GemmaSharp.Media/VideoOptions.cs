namespace GemmaSharp.Media;

/// <summary>Which frames of a video become pictures. Each picture costs the model about 260 tokens.</summary>
public sealed record VideoOptions
{
    /// <summary>The options used where none are given.</summary>
    public static VideoOptions Default { get; } = new();

    /// <summary>Frames per second of the video. Default: 1.</summary>
    public double FramesPerSecond { get; init; } = 1;

    /// <summary>The most frames; a longer video is sampled more thinly over its whole length. Default: 16.</summary>
    public int MaxFrames { get; init; } = 16;

    /// <summary>The longest side of a frame in pixels; larger ones are made smaller while decoding. Default: 1,536, twice what the model sees.</summary>
    public int MaxFrameSide { get; init; } = 1536;

    /// <summary>Whether to decode the sound track. Default: yes.</summary>
    public bool WithAudio { get; init; } = true;
}
