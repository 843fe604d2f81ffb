namespace GemmaSharp.Model.Vision;

/// <summary>Consecutive pixels of a feature map, counted row by row.</summary>
readonly record struct PixelRange(int First, int Count);
