namespace GemmaSharp.Checkpoints;

/// <summary>What went wrong with a request; becomes a <see cref="Finding"/> when the report is made.</summary>
/// <param name="Request">The request.</param>
/// <param name="Kind">What is wrong.</param>
/// <param name="Severity">How bad it is.</param>
/// <param name="Detail">What the finding's sentence says about the module.</param>
/// <param name="Repair">What would help; <see langword="null"/> for what usually helps with its kind.</param>
sealed record Fault(ParameterRequest Request, FindingKind Kind, Severity Severity, string Detail, string? Repair = null);
