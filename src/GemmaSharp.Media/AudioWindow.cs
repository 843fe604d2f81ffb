namespace GemmaSharp.Media;

/// <summary>A piece of a longer sound.</summary>
/// <param name="Start">Where it begins.</param>
/// <param name="Length">How long it is; to the end where the sound is shorter.</param>
public readonly record struct AudioWindow(TimeSpan Start, TimeSpan Length);
