namespace GemmaSharp;

/// <summary>A piece of a message: text, a picture or a clip.</summary>
public abstract record ContentPart;

/// <summary>Text.</summary>
/// <param name="Text">The text; the template trims it.</param>
public sealed record TextPart(string Text) : ContentPart;

/// <summary>A picture.</summary>
/// <param name="Image">The pixels; null while only its source is known.</param>
/// <param name="Source">Where it came from, a path or an address; null when it came from memory.</param>
public sealed record ImagePart(RgbImage? Image, string? Source = null) : ContentPart;

/// <summary>A clip of sound.</summary>
/// <param name="Clip">The samples; null while only its source is known.</param>
/// <param name="Source">Where it came from, a path or an address; null when it came from memory.</param>
public sealed record AudioPart(AudioClip? Clip, string? Source = null) : ContentPart;
