namespace GemmaSharp;

/// <summary>What is compared, and what counts as agreement.</summary>
public sealed record CheckpointComparisonOptions
{
    /// <summary>The largest <c>max|a − b| / max|b|</c> of a parameter that counts as agreement; 0 asks for equal values.</summary>
    public double Tolerance { get; init; }

    /// <summary>Which parameters, by canonical name with <c>*</c> and <c>?</c>; a name without either stands for everything below it. Empty for all.</summary>
    public IReadOnlyList<string> Only { get; init; } = [];
}
