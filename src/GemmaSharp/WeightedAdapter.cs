namespace GemmaSharp;

/// <summary>An adapter with the weight at which it is applied: <c>W + weight · s · B · A</c>.</summary>
/// <param name="Adapter">The adapter.</param>
/// <param name="Weight">Any finite number: 1 as it was trained, 0 not at all, between and beyond them more or less of it.</param>
public readonly record struct WeightedAdapter(LoraAdapter Adapter, float Weight = 1f);
