namespace GemmaSharp.Layers;

/// <summary>Consecutive pixels of a map, counted row by row.</summary>
readonly record struct PixelRange(int First, int Count);
