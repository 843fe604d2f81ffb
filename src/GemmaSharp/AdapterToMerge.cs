namespace GemmaSharp;

/// <summary>An adapter whose change is added to the weights.</summary>
/// <param name="Folder">A folder that peft or mlx-lm wrote.</param>
/// <param name="Weight">What its change is multiplied with; 1 adds it as it was trained.</param>
public readonly record struct AdapterToMerge(string Folder, float Weight = 1);
